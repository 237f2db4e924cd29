"""`harness words`: word-level results by position and layer, and the controls and diagnostics beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.errors import HarnessError, near_names

if TYPE_CHECKING:
    from harness.compare import Cell


@dataclass(frozen=True, kw_only=True)
class _View:
    """What a view shows: tasks of some kinds (none named: of all that have scores), and a row a what."""

    about: str
    kinds: tuple[str, ...] = ()
    by: Literal["position", "layer"] | None = None
    first: str = "score"  # what the task's own result is called there


VIEWS = {
    "positions": _View(about="context probes at each position", kinds=("context",), by="position"),
    "context": _View(
        about="accuracy before and after the target word, divided by the accuracy at it", kinds=("context",)
    ),
    "controls": _View(about="each score with its control tasks"),
    "layers": _View(about="scores of every layer", by="layer"),
    "geometry": _View(about="mean cosine similarity by layer", kinds=("geometry",), by="layer", first="random words"),
    "repetition": _View(about="the effect of a repeated passage", kinds=("repetition",), first="unexplained, mean"),
}


def words(
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
    ] = None,
    show: Annotated[
        str, typer.Option("--show", help="; ".join(f"{name}: {view.about}" for name, view in VIEWS.items()) + ".")
    ] = "positions",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show results of the words suite in detail: by position, by layer, or with control tasks.

    Each 95 % interval covers the target words, for these checkpoints. These details are not tested. To test the scores,
    use `harness compare`.
    """
    from harness.cli.screen import out, print_json, table
    from harness.compare import cells, current_entries, declared_contrasts
    from harness.store import Store
    from harness.suites.words import SUITE, TASKS
    from harness.suites.words.probe import DIAGNOSTICS
    from harness.suites.words.results import CONTROLS, SCORE

    if show not in VIEWS:
        raise HarnessError(f"there is no view {show!r}; {near_names(show, VIEWS)}")
    view, wanted = VIEWS[show], options.names(tasks)
    for name in wanted or ():
        SUITE.task(name)  # refuses an unknown one
    shown = [e for e in TASKS if (e.kind in view.kinds if view.kinds else e.kind not in DIAGNOSTICS)]
    chosen = [entry.name for entry in shown if wanted is None or entry.name in wanted]
    store = Store(db, read_only=True)
    scores = store.scores(diagnostics=True)
    scores = scores[scores["base"] == base]
    entries = [e for e in current_entries(store, scores=scores) if not variant or e.variant in variant]
    subsets: Sequence[str] = {
        "positions": (SCORE,),
        "context": (SCORE,),
        "controls": (SCORE, *(name for name in CONTROLS if name != "layers")),
        "layers": ("layers",),
    }.get(show, tuple(dict.fromkeys(scores["subset"][scores["task"].isin(chosen)])))
    found = cells(store, entries, scores=scores, tasks=chosen, subsets=subsets, by=view.by)
    if not found:
        raise HarnessError(
            f"no such word-level results on base {base} yet; measure them with `harness run --suite "
            f"words --base {base}`"
        )
    if as_json:
        print_json([asdict(cell) for cell in found])
        return
    order = declared_contrasts().order({cell.variant for cell in found})
    if show == "controls":
        columns = [name for name in subsets if any(cell.subset == name for cell in found)]
        headers = ("task", "variant", *(view.first if name == SCORE else name for name in columns))
        out.print(table(headers, _across(chosen, order, found, columns)))
    elif show == "context":
        out.print(table(("probe", "side", *order), _relative(chosen, order, found)))
    else:
        headers = ("task", *(("what",) if len(subsets) > 1 else ()), *((view.by,) if view.by else ()), *order)
        out.print(table(headers, _down(order, found, view)))
    print()
    if show == "context":
        print("Accuracy before or after the target word, divided by the accuracy at it.")
        print("A probe without information has chance accuracy, not 0.")
    else:
        print("In brackets: 95 % interval over target words, for these checkpoints.")


def _down(variants: Sequence[str], found: Sequence[Cell], view: _View) -> list[list[object]]:
    """A row a task, subset and position or layer; a column a variant."""
    several = len({cell.subset for cell in found}) > 1
    by_row: dict[tuple[str, str, int | None], dict[str, Cell]] = {}
    for cell in found:
        value = getattr(cell, view.by) if view.by else None
        by_row.setdefault((cell.task, cell.subset, value), {})[cell.variant] = cell
    rows: list[list[object]] = []
    for (task, subset, value), here in by_row.items():
        name = view.first if subset == "default" else subset
        where = f"{value:+d}" if view.by == "position" and value else str(value)
        labels = [task, *([name] if several else []), *([where] if view.by else [])]
        rows.append([*labels, *(_write(here.get(variant)) for variant in variants)])
    return rows


def _across(
    tasks: Sequence[str], variants: Sequence[str], found: Sequence[Cell], columns: Sequence[str]
) -> list[list[object]]:
    """A row a task and variant; a column a subset."""
    cell = {(c.task, c.variant, c.subset): c for c in found}
    return [
        [task, name, *(_write(cell.get((task, name, subset))) for subset in columns)]
        for task in tasks
        for name in variants
        if (task, name, "default") in cell
    ]


def _relative(tasks: Sequence[str], variants: Sequence[str], found: Sequence[Cell]) -> list[list[object]]:
    """A row a probe and side; accuracies there over those at the target."""
    value = {(cell.task, cell.variant): cell.value for cell in found}
    rows: list[list[object]] = []
    for task in tasks:
        for side in ("Before", "After"):
            if task.endswith(side):
                probe = task.removesuffix(side)
                shares = [
                    value[task, name] / value[f"{probe}At", name]
                    if {(task, name), (f"{probe}At", name)} <= set(value)
                    else None
                    for name in variants
                ]
                rows.append([probe, side.lower(), *(None if share is None else f"{share:.2f}" for share in shares)])
    return rows


def _write(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    from harness.metrics import get_metric

    metric = get_metric(cell.metric)
    ends = "" if cell.low is None or cell.high is None else f" ({metric.write(cell.low)}–{metric.write(cell.high)})"
    return metric.write(cell.value) + ends
