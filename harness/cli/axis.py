"""`harness axis`: compare what each step does on several bases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.cli.tables import PlainTable
    from harness.compare.axis.declared import BaseAxis
    from harness.compare.axis.results import AxisAnalysis
    from harness.stats.estimate import Interval


def axis(
    name: Annotated[
        str | None, typer.Argument(metavar="AXIS", help="A declared axis (harness/compare/contrasts.yaml).")
    ] = None,
    base: Annotated[
        list[str] | None, typer.Option("--base", help="In place of an axis: a measured base. Repeatable, in order.")
    ] = None,
    axes: Annotated[
        Path | None, typer.Option("--axes", help="A YAML file of yours that declares AXIS, as contrasts.yaml does.")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            min=1,
            help="Compare what was read at this width (VARIANT@width=N) in place of the plain variants.",
        ),
    ] = None,
    tasks: options.Tasks = None,
    interactions: Annotated[
        bool, typer.Option("--interactions", help="List all interactions, also those that are not decided.")
    ] = False,
    dtype: options.MeasuredDtype = None,
    device: options.MeasuredDevice = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Compare bases: what each step of the ladder does on each, and whether it does more on one than on the first.

    An axis has levels in an order, and each level has one base or several that differ only in their pretraining seed.
    The first table has the effect of each step on each level, task by task, with 95 % intervals. The second has the
    interactions: the effect on a level less the effect on the first level. All bases read the same examples, so they
    are paired by example. The p values are adjusted for all interactions on all tasks.

    A linear probe has more weights on a wider base. With --width all vectors are mapped to so many numbers first.

    With --base each base is a level of its own: `harness axis --base mini --base SmolLM2-135M`.

    The intervals cover pretraining seeds if each level has five bases or more, and training seeds if each base has five
    or more. Otherwise they cover the examples alone, and a sentence says so.
    """
    from harness.api import compare_bases
    from harness.cli.screen import out, print_json, say
    from harness.compare.axis.wording import axis_sentence, described
    from harness.store import Store

    chosen = _read_own(axes, name) if axes is not None else name
    found = compare_bases(
        Store(db, read_only=True), chosen, bases=base or (), width=width, tasks=options.names(tasks), dtype=dtype,
        device=device,
    )  # fmt: skip
    if as_json:
        print_json(asdict(found) | {"sentences": list(described(found))})
        return
    say(f"{axis_sentence(found)}\n")
    rows = _interactions(found, every=interactions)
    for each in (_bases(found), _effects(found), *([_table_of(found, rows)] if rows else [])):
        out.print(each)
        out.print()
    if not rows:
        say("No interaction is decided.")
    say("\n".join(described(found)))
    if not interactions:
        say("--interactions lists all interactions, also those that are not decided.")


def _read_own(path: Path, name: str | None) -> BaseAxis:
    from harness.compare.axis.declared import read_axes
    from harness.errors import near_names
    from harness.front_matter import read_yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    declared = read_yaml(text, where=str(path))
    if not isinstance(declared, dict) or set(declared) != {"axes"}:
        raise HarnessError(f"{path} has to declare axes: and nothing else; docs/statistics.md has an example")
    found = {each.name: each for each in read_axes(declared["axes"], where=str(path))}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        raise HarnessError(f"{path} declares no axis {name or '(name one)'}; {near_names(name or '', found)}")
    return found[name]


def _bases(found: AxisAnalysis) -> PlainTable:
    from harness.cli.pulse import duration
    from harness.cli.tables import table
    from harness.metrics import get_metric

    rows: list[tuple[object, ...]] = [
        (
            each.level,
            each.base,
            None if each.layers is None else f"{each.layers} × {each.width}",
            None if each.parameters is None else f"{each.parameters:,}",
            None if each.bits_per_byte is None else get_metric("bits_per_byte").write(each.bits_per_byte),
            None if each.seconds is None else duration(each.seconds),
        )
        for each in found.facts
    ]
    headers: tuple[str, ...] = (
        "level",
        "base",
        "layers × width",
        "parameters (without embedding)",
        "bits a byte",
        "measuring",
    )
    if all(each.level == each.base for each in found.facts):
        headers, rows = headers[1:], [row[1:] for row in rows]
    return table(headers, rows, right=range(len(headers) - 4, len(headers)), keys=len(headers) - 4)


def _effects(found: AxisAnalysis) -> PlainTable:
    from harness.cli.tables import pivot, table
    from harness.compare.axis.wording import step_label
    from harness.compare.wording import task_label
    from harness.metrics import get_metric

    parts = tuple(dict.fromkeys(each.key.part for each in found.effects))
    levels = [level.name for level in found.axis.levels]
    cells: list[tuple[tuple[object, ...], str, str]] = [
        (
            (step_label(each.step), task_label(each.key.part, parts)),
            each.level,
            _written(get_metric(each.key.metric).write_change, each.value, each.interval),
        )
        for each in found.effects
    ]
    for mean in found.means:
        if mean.level in levels and not mean.against:
            row = (step_label(mean.step), f"mean of {mean.across.n_tasks} tasks")
            cells.append((row, mean.level, _mean(mean.across.raw.value, mean.across.raw.interval)))
    order = [step_label(step) for step in found.steps]
    rows = sorted(pivot(levels, cells), key=lambda row: order.index(str(row[0])))
    return table(("step", "task", *levels), rows, keys=2, right=range(2, 2 + len(levels)))


def _interactions(found: AxisAnalysis, *, every: bool) -> list[tuple[object, ...]]:
    from harness.compare.axis.wording import interaction_label, step_label
    from harness.compare.wording import task_label
    from harness.metrics import get_metric

    parts = tuple(dict.fromkeys(each.key.part for each in found.effects))
    rows: list[tuple[object, ...]] = []
    for mean in found.means:
        if mean.verdict is None:
            continue
        raw = mean.across.raw
        task = f"mean of {mean.across.n_tasks} tasks"
        ends = _mean(raw.value, raw.interval)
        rows.append((step_label(mean.step), interaction_label(mean), task, ends, None, f"{mean.verdict.p:.4f}",
                     mean.verdict.verdict))  # fmt: skip
    for each in found.interactions:
        if every or each.verdict in ("better", "worse", "equivalent"):
            write = get_metric(each.key.metric).write_change
            over = each.crossed.interval if each.crossed is not None else None
            rows.append(
                (
                    step_label(each.step),
                    interaction_label(each),
                    task_label(each.key.part, parts),
                    _written(write, each.difference, each.interval),
                    None if over is None else f"{write(over.low)} … {write(over.high)}",
                    None if each.p_adjusted is None else f"{each.p_adjusted:.4f}",
                    each.verdict,
                )
            )
    return rows


def _table_of(found: AxisAnalysis, rows: list[tuple[object, ...]]) -> PlainTable:
    from harness.cli.tables import table
    from harness.compare.axis.wording import over_what

    headers = ("step", "levels", "task", "interaction (95 %)", over_what(found), "p (adj.)", "verdict")
    return table(headers, rows, keys=3, right=(3, 4, 5))


def _written(write: Callable[[float], str], value: float, ends: Interval | None) -> str:
    return write(value) if ends is None else f"{write(value)} ({write(ends.low)} … {write(ends.high)})"


def _mean(value: float, ends: Interval | None) -> str:
    from harness.compare.overall import MEAN_METRIC
    from harness.metrics import get_metric

    return _written(get_metric(MEAN_METRIC).write_change, value, ends)
