"""Scores along an axis: the degree of the mask (`harness dose`), or how far training got (`harness run --at`).

Each place on an axis is a system of its own, whose name says it: VARIANT@FIELD=VALUE.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from harness.cards import READ_WITH, UNTIL
from harness.compare.cells import Cell, cells
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries, find_base
from harness.stage_record import StageManifest
from harness.store import Store
from harness.text_to_vector import Degree, TextToVector


class OnAxis(Protocol):
    """Where a score stands on its axis; `str` says it in words."""

    @property
    def order(self) -> tuple[float, float]: ...


P = TypeVar("P", bound=OnAxis)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How far the last stage of a system was trained: `steps` of `total`, `tokens` read (None: not counted)."""

    steps: int
    total: int
    tokens: int | None

    @property
    def order(self) -> tuple[float, float]:
        return (self.steps, 0)

    def __str__(self) -> str:
        read = "" if self.tokens is None else f", {self.tokens:,} tokens"
        return f"{self.steps} of {self.total} steps{read}"


@dataclass(frozen=True, kw_only=True)
class ScorePoint(Generic[P]):
    """A score of `variant` (the card's name) at one place of the axis; `cell` has its interval."""

    variant: str
    at: P
    cell: Cell


Find = Callable[[Entry, Mapping[str, StageManifest]], "P | None"]


def degree_of(entry: Entry, _: Mapping[str, StageManifest]) -> Degree | None:
    """The degree of the mask that an entry was read with."""
    if not _varied(entry) <= {"ahead", "from_layer"}:
        return None
    read = entry.systems[0].recipe.fields
    return TextToVector.model_validate({name: read[name] for name in TextToVector.model_fields if name in read}).degree


def trained_of(entry: Entry, stages: Mapping[str, StageManifest]) -> Trained | None:
    """How far the last stage of an entry was trained; its tokens are a mean over seeds."""
    if _varied(entry) != {UNTIL}:
        return None
    last = entry.systems[0].recipe.stages[-1]
    steps = int(last[UNTIL])
    made = [stages.get(str(system.lineage.get(last["kind"]))) for system in entry.systems] if steps else []
    read = [None if stage is None else stage.tokens for stage in made]
    known = [tokens for tokens in read if tokens is not None]
    tokens = round(sum(known) / len(known)) if known and len(known) == len(read) else None
    return Trained(steps=steps, total=int(last["steps"]), tokens=tokens if steps else 0)


def _varied(entry: Entry) -> set[str]:
    """The fields that the name of an entry sets."""
    changes = entry.variant.partition(READ_WITH)[2]
    return {each.partition("=")[0] for each in changes.split(",")}


def score_points(
    store: Store,
    find: Find[P],
    *,
    base: str | None = None,
    revision: str | None = None,
    variants: Collection[str] = (),
    tasks: Collection[str] | None = None,
) -> list[ScorePoint[P]]:
    """All points of the axis that `find` reads from an entry, by base, task, variant and place.

    Of `base`, `variants` and `tasks` alone, where given; `revision` tells apart bases of one name. A variant that was
    measured as its card says is no point: its place is measured beside the others.
    """
    scores, stages = store.scores(), store.stages()
    every = current_entries(store, scores=scores)
    found = {entry.name: (entry, at) for entry in every if (at := find(entry, stages)) is not None}
    base = None if base is None else find_base(every, base, revision=revision)
    chosen = [
        entry
        for entry, _ in found.values()
        if (base is None or entry.base == base) and (not variants or _card_of(entry) in variants)
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
        ScorePoint(variant=_card_of(entry), at=at, cell=cell)
        for cell in made
        for entry, at in [found[cell.base, cell.variant]]
    ]
    shown = declared_contrasts().order({point.variant for point in points})
    key = lambda p: (p.cell.base, p.cell.task, p.cell.subset, shown.index(p.variant), *p.at.order)  # noqa: E731
    return sorted(points, key=key)


def _card_of(entry: Entry) -> str:
    return entry.variant.partition(READ_WITH)[0]
