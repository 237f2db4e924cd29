"""What an analysis rests on: when it may stand in for another, and the same numbers are not made twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.entries import Entry
from harness.compare.one_task import Name, NamePair, OneTask
from harness.outcomes import TaskKey, TaskPart


@dataclass(frozen=True, kw_only=True)
class AnalysisInputs:
    """All that the numbers of an analysis follow from. A stored result never changes, so its number names it."""

    results: tuple[int, ...]
    place: Mapping[str, tuple[Name, int | None]]  # system -> its entry and seed
    families: Mapping[str, Sequence[Entry]]  # by base
    floors: Mapping[str, Mapping[TaskKey, float]]  # by revision of a base
    declaration: str
    seed: int
    resamples: int


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What was analysed, and `every` thing that was found of `entries` and `pairs`, on `tasks` (None: all)."""

    material: AnalysisInputs
    entries: frozenset[Name]
    pairs: frozenset[NamePair]
    tasks: frozenset[str] | None
    every: Mapping[TaskPart, OneTask]

    def covers(self, material: AnalysisInputs, entries: Collection[Name], pairs: Collection[NamePair]) -> bool:
        """Whether an analysis of `material` would find the same of `entries` and `pairs`."""
        asked = self.entries >= set(entries) and self.pairs >= set(pairs)
        return asked and self.tasks is None and self.material == material
