"""Scores by the degree of the mask: what `harness dose` measured, as points of lines."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.cards import READ_WITH
from harness.compare.cells import Cell, cells
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries, find_base
from harness.store import Store
from harness.text_to_vector import Degree, TextToVector


@dataclass(frozen=True, kw_only=True)
class DosePoint:
    """A score of `variant` (the card's name) read with the mask of `degree`; `cell` has its interval."""

    variant: str
    degree: Degree
    cell: Cell


def degree_of(entry: Entry) -> tuple[str, Degree] | None:
    """The card's name of an entry that was read by degrees, and its degree; None for any other."""
    system = entry.systems[0]
    if not entry.read_otherwise:
        return None
    fields = {name: value for name, value in system.recipe.fields.items() if name in TextToVector.model_fields}
    degree = TextToVector.model_validate(fields).degree
    return None if degree is None else (entry.variant.partition(READ_WITH)[0], degree)


def dose_points(
    store: Store,
    *,
    base: str | None = None,
    revision: str | None = None,
    variants: Collection[str] = (),
    tasks: Collection[str] | None = None,
) -> list[DosePoint]:
    """All points of `base`, `variants` and `tasks` (None, none: of all), by base, task, variant and degree.

    `revision` tells apart bases of one name. A variant that was measured as its card says is no point: its degree is
    measured beside the others.
    """
    scores = store.scores()
    every = current_entries(store, scores=scores)
    found = {entry.name: (entry, what) for entry in every if (what := degree_of(entry))}
    base = None if base is None else find_base(every, base, revision=revision)
    chosen = [
        entry
        for entry, (variant, _) in found.values()
        if (base is None or entry.base == base) and (not variants or variant in variants)
    ]
    measured = {system.system_id for entry in chosen for system in entry.systems}
    here = set(scores[scores["system_id"].isin(measured)]["task"])
    made = cells(
        store,
        chosen,
        scores=scores,
        tasks=here if tasks is None else here & set(tasks),
        subsets=set(scores["subset"]),
    )
    points = [
        DosePoint(variant=variant, degree=degree, cell=cell)
        for cell in made
        for variant, degree in [found[cell.base, cell.variant][1]]
    ]
    shown = declared_contrasts().order({point.variant for point in points})
    key = lambda p: (p.cell.base, p.cell.task, p.cell.subset, shown.index(p.variant), *p.degree.order)  # noqa: E731
    return sorted(points, key=key)
