"""`harness words`: word-level results by position and layer, and the controls beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError, near_names

if TYPE_CHECKING:
    from harness.compare import Cell

VIEWS = ("positions", "controls", "layers")
# What stands beside a score, in the order of columns; the rest is listed as it comes.
BESIDE = (
    "default",
    "best layer",
    "no context",
    "first token",
    "last token",
    "random labels",
    "random scores",
    "majority",
    "selectivity",
    "codelength",
)


def register(app: typer.Typer) -> None:
    app.command("words")(words)


def words(
    base: options.BaseName = "mini",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="Only this variant; repeatable (default: all measured).")
    ] = None,
    show: Annotated[
        str, typer.Option("--show", help="positions: context probes word by word; controls; layers.")
    ] = "positions",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show results of the words suite in parts: by position or layer, or with their controls, each with its interval.

    Intervals cover target words, for these checkpoints. Nothing here is tested: `harness compare` tests the scores.
    """
    from harness.cli.screen import out, print_json, table
    from harness.compare import cells, current_entries, declared_contrasts
    from harness.store import Store
    from harness.suites.words import TASKS

    if show not in VIEWS:
        raise HarnessError(f"there is no view {show!r}; {near_names(show, VIEWS)}")
    wanted = options.names(tasks)
    known = [entry.name for entry in TASKS]
    for name in wanted or ():
        if name not in known:
            raise HarnessError(f"the words suite has no task {name!r}; {near_names(name, known)}")
    chosen = [e.name for e in TASKS if name_is_wanted(e.name, wanted) and (show != "positions" or e.kind == "context")]
    store = Store(db, read_only=True)
    scores = store.scores(beside=True)
    scores = scores[scores["base"] == base]
    entries = [e for e in current_entries(store, scores=scores) if not variant or e.variant in variant]
    subsets = {"positions": ("default",), "controls": BESIDE, "layers": ("layers",)}[show]
    by = {"positions": "position", "controls": None, "layers": "layer"}[show]
    found = cells(store, entries, scores=scores, tasks=chosen, subsets=subsets, by=by)  # type: ignore[arg-type]
    if not found:
        raise HarnessError(
            f"the store has no such results on base {base}; measure them with `harness run --suite words --base {base}`"
        )
    if as_json:
        print_json([asdict(cell) for cell in found])
        return
    order = declared_contrasts().order({cell.variant for cell in found})
    if show == "controls":
        columns = [subset for subset in BESIDE if any(cell.subset == subset for cell in found)]
        rows = _rows(chosen, order, found, columns)
        out.print(table(("task", "variant", *("score" if c == "default" else c for c in columns)), rows))
    else:
        out.print(table(("task", by or "", *order), _grid(chosen, order, found, by or "")))
    print()
    print("In brackets the 95 % interval over target words, for these checkpoints; codelength in bits a label.")


def name_is_wanted(name: str, wanted: Sequence[str] | None) -> bool:
    """Whether a task was asked for, by name or by naming none."""
    return wanted is None or name in wanted


def _grid(tasks: Iterable[str], variants: Sequence[str], found: Sequence[Cell], by: str) -> list[list[object]]:
    rows: list[list[object]] = []
    for task in tasks:
        of_task = [cell for cell in found if cell.task == task]
        for value in sorted({getattr(cell, by) for cell in of_task}):
            here = {cell.variant: cell for cell in of_task if getattr(cell, by) == value}
            shown = f"{value:+d}" if by == "position" and value else str(value)
            rows.append([task, shown, *(_write(here.get(name)) for name in variants)])
    return rows


def _rows(
    tasks: Iterable[str], variants: Sequence[str], found: Sequence[Cell], columns: Sequence[str]
) -> list[list[object]]:
    cell: Mapping[tuple[str, str, str], Cell] = {(c.task, c.variant, c.subset): c for c in found}
    return [
        [task, name, *(_write(cell.get((task, name, subset))) for subset in columns)]
        for task in tasks
        for name in variants
        if (task, name, "default") in cell
    ]


def _write(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    from harness.metrics import get_metric

    metric = get_metric(cell.metric)
    ends = "" if cell.low is None or cell.high is None else f" ({metric.write(cell.low)}–{metric.write(cell.high)})"
    return metric.write(cell.value) + ends
