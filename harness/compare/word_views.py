"""Ways to look at the results of the words suite: by position, by layer, or next to their controls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.compare.cells import By, Cell, cells
from harness.compare.entries import current_entries, find_base
from harness.errors import HarnessError, near_names
from harness.outcomes import DIAGNOSTIC_TYPES
from harness.store import Store
from harness.suites.words import SUITE, TASKS
from harness.suites.words.results import CONTROLS, SCORE


@dataclass(frozen=True, kw_only=True)
class WordView:
    """One way to look at them.

    It shows tasks of `types` (none named: all tasks with a score) and their results called `subsets` (none named: all),
    a value for each position or layer where `by` is given. `first` is what the task's own result is called.
    """

    types: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    by: By | None = None
    first: str = "score"


VIEWS = {
    "positions": WordView(types=("ContextProbe",), subsets=(SCORE,), by="position"),
    "context": WordView(types=("ContextProbe",), subsets=(SCORE,)),
    "controls": WordView(subsets=(SCORE, *(name for name in CONTROLS if name != "layers"))),
    "layers": WordView(subsets=("layers",), by="layer"),
    "geometry": WordView(types=("Geometry",), by="layer", first="random words"),
}


def word_cells(
    store: Store, show: str, *, base: str, tasks: Sequence[str] | None = None, variants: Collection[str] = ()
) -> list[Cell]:
    """Estimate what the view called `show` shows of `base`, for `variants` (none: all) and `tasks` (None: all of it).

    Raises HarnessError for an unknown view or task, and where the store has no such results.
    """
    if show not in VIEWS:
        raise HarnessError(f"there is no view {show!r}; {near_names(show, VIEWS)}")
    view = VIEWS[show]
    for name in tasks or ():
        SUITE.task(name)  # refuses an unknown one
    types = view.types or {task.task_type for task in TASKS} - DIAGNOSTIC_TYPES
    chosen = [t.name for t in TASKS if t.task_type in types and (tasks is None or t.name in tasks)]
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    entries = [e for e in every if e.base == base and (not variants or e.variant in variants)]
    own = {system.system_id for entry in entries for system in entry.systems}
    scores = scores[scores["system_id"].isin(own) & scores["task"].isin(chosen)]
    subsets = view.subsets or set(scores["subset"])
    found = cells(store, entries, scores=scores, tasks=chosen, subsets=subsets, by=view.by)
    if not found:
        raise HarnessError(
            f"no such word-level results on base {base} yet; "
            f"measure them with `harness run --suite words --base {base}`"
        )
    return sorted(found, key=lambda cell: chosen.index(cell.task))


def shares_of_target(found: Sequence[Cell]) -> dict[tuple[str, str, str], float | None]:
    """Divide the accuracy before and after the target word by that at it: {(probe, side, variant): share}.

    None where the probe was not measured at the target.
    """
    value = {(cell.task, cell.variant): cell.value for cell in found}
    return {
        (probe, side.lower(), variant): score / at if (at := value.get((f"{probe}At", variant))) else None
        for (task, variant), score in value.items()
        for side in ("Before", "After")
        if (probe := task.removesuffix(side)) != task
    }
