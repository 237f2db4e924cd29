"""What an analysis rests on: when it may stand in for another, and the same numbers are not made twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.compare.entries import Entry
from harness.compare.one_task import Name, NamePair, OneTask
from harness.outcomes import TaskKey, TaskPart


@dataclass(frozen=True, kw_only=True)
class Basis:
    """All that the numbers of an analysis follow from, and `every` thing that was found.

    It was found of `entries` and `pairs`, on `tasks` (None: all). A stored result never changes, so its number names
    it. Two are equal if the same follows from both.
    """

    results: tuple[int, ...]
    place: Mapping[str, tuple[Name, int | None]]  # system -> its entry and seed
    families: Mapping[str, Sequence[Entry]]  # by base
    floors: Mapping[str, Mapping[TaskKey, float]]  # by revision of a base
    declaration: str
    seed: int
    resamples: int
    entries: frozenset[Name] = field(compare=False)
    pairs: frozenset[NamePair] = field(compare=False)
    tasks: frozenset[str] | None = field(compare=False)
    every: dict[TaskPart, OneTask] = field(compare=False, default_factory=dict)

    def covers(self, other: Basis) -> bool:
        """Whether `other` would find the same of its entries and pairs."""
        return self.tasks is None and self.entries >= other.entries and self.pairs >= other.pairs and self == other
