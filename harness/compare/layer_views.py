"""The measures of the layers suite, by layer, with their intervals over texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.compare.cells import Cell, cells
from harness.compare.entries import current_entries, find_base
from harness.errors import HarnessError, near_names
from harness.store import Store
from harness.suites.layers import FIRST, MEASURES, SUITE


def layer_cells(store: Store, *, base: str, measures: Sequence[str] = (), variants: Collection[str] = ()) -> list[Cell]:
    """Estimate `measures` (none: all) of `variants` (none: all) on `base` at each layer, in the order of MEASURES.

    Raises HarnessError for an unknown measure, and where the store has no such results.
    """
    known = {FIRST if measure.name == "default" else measure.name: measure.name for measure in MEASURES}
    for name in measures:
        if name not in known:
            raise HarnessError(f"there is no measure {name!r}; {near_names(name, known)}")
    wanted = [known[name] for name in measures or known]
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    entries = [e for e in every if e.base == base and (not variants or e.variant in variants)]
    found = cells(store, entries, scores=scores, tasks=SUITE.names, subsets=wanted, by="layer")
    if not found:
        raise HarnessError(
            f"the layers of {', '.join(sorted(variants)) or 'no variant'} were not measured on base {base} yet; "
            f"measure them with `harness run --suite layers --base {base}`"
        )
    return sorted(found, key=lambda cell: (wanted.index(cell.subset), cell.layer or 0))
