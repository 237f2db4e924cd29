"""The measures of a suite that is shown by layer, with their intervals over texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.compare.cells import Cell, cells
from harness.compare.entries import current_entries, find_base
from harness.errors import HarnessError, near_names
from harness.store import Store
from harness.suites.by_layer import LayeredTask


def layer_cells(
    store: Store,
    task: LayeredTask,
    *,
    base: str,
    measures: Sequence[str] = (),
    layers: Collection[int] = (),
    variants: Collection[str] = (),
) -> list[Cell]:
    """Estimate `measures` of `task` (none: all) of `variants` (none: all) on `base` at `layers` (none: each).

    In the order in which the task has its measures. Raises HarnessError for an unknown measure, for a layer that is not
    there, and where the store has no such results.
    """
    known = {task.called(measure.name): measure.name for measure in task.measures}
    for name in measures:
        if name not in known:
            raise HarnessError(f"there is no measure {name!r}; {near_names(name, known)}")
    wanted = [known[name] for name in measures or known]
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    entries = [e for e in every if e.base == base and (not variants or e.variant in variants)]
    found = cells(store, entries, scores=scores, tasks=[task.name], subsets=wanted, by="layer")
    if not found:
        raise HarnessError(
            f"the suite {task.suite} was not measured for {', '.join(sorted(variants)) or 'any variant'} on base "
            f"{base} yet; measure it with `harness run --suite {task.suite} --base {base}`"
        )
    there = {cell.layer or 0 for cell in found}
    for layer in layers:
        if layer not in there:
            raise HarnessError(
                f"there is no layer {layer}: of base {base} the layers {min(there)} to {max(there)} were measured"
            )
    shown = [cell for cell in found if not layers or cell.layer in layers]
    return sorted(shown, key=lambda cell: (wanted.index(cell.subset), cell.layer or 0))
