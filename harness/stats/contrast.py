"""Which columns a contrast compares, and which of them are a sample of training seeds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from harness.errors import HarnessError
from harness.stats.units import FloatArray

Seed = TypeVar("Seed", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Seeds that are replicates of each other: row s of `weight_sk` (seeds, k) gives seed s's share of a contrast.

    `named`: the names of the seeds are theirs alone, so groups of other contrasts that have them hold the same sample.
    """

    seeds: tuple[Hashable, ...]
    weight_sk: FloatArray
    named: bool = False

    def scaled(self, weight: float) -> Group:
        """Return the group with its share of a contrast multiplied."""
        return replace(self, weight_sk=weight * self.weight_sk)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A linear contrast of columns: the sum over groups of the mean over a group's seeds.

    Paired by seed there is one group, its rows "A with seed s minus B with seed s"; unpaired there are two. Combined
    from other contrasts (`over_replicates`, `within_replicates`) there may be more.
    """

    groups: tuple[Group, ...]

    @cached_property
    def weight_k(self) -> FloatArray:
        """The weight of each column (k,)."""
        total: FloatArray = np.sum([group.weight_sk.mean(axis=0) for group in self.groups], axis=0)
        return total

    @property
    def n_seeds(self) -> int:
        """Seeds of the smaller group."""
        return min(len(group.seeds) for group in self.groups)

    @property
    def seeds_vary(self) -> bool:
        """Whether every group has at least two seeds: only then can the seeds' variance be estimated."""
        return self.n_seeds > 1

    @property
    def pairs_sk(self) -> FloatArray:
        """Every choice of one row of each group (choices, k): the checkpoints that are set against each other."""
        rows, *rest = (group.weight_sk for group in self.groups)
        for other in rest:
            rows = (rows[:, None] + other[None]).reshape(-1, rows.shape[1])
        return rows

    def fixed(self) -> Contrast:
        """Return the same contrast of these checkpoints as they are: no claim about other seeds."""
        return Contrast(groups=(Group(seeds=(None,), weight_sk=self.weight_k[None, :]),))


def make_contrast(first: Mapping[Seed, int], second: Mapping[Seed, int] | None = None, *, columns: int) -> Contrast:
    """Return the contrast "first minus second"; without `second`, the mean of `first`.

    Each maps training seeds to columns of a table of `columns`; None is the seed of a system without
    training. Sides with the same seeds are paired; with a side that has no randomness every seed is set against it;
    else the sides are unpaired, and each has all of its seeds. Raises HarnessError for no seed on a side.
    """
    if not first or (second is not None and not second):
        raise HarnessError("a comparison needs at least one seed on each side; one side has none")
    if second is None:
        return Contrast(groups=(_group(first, columns, sign=1.0),))
    a = dict[Hashable, int](first.items())
    b = dict[Hashable, int](second.items())
    if set(a) == {None} or set(b) == {None}:
        seeds = [seed for seed in (*a, *b) if seed is not None] or [None]
        pairs = {s: (a[s] if s in a else a[None], b[s] if s in b else b[None]) for s in seeds}
    elif set(a) == set(b):
        pairs = {s: (a[s], b[s]) for s in a}
    else:
        return Contrast(groups=(_group(a, columns, sign=1.0), _group(b, columns, sign=-1.0)))
    weight = np.zeros((len(pairs), columns))
    for row, (plus, minus) in zip(weight, pairs.values(), strict=True):
        row[plus] += 1.0
        row[minus] -= 1.0
    return Contrast(groups=(Group(seeds=tuple(pairs), weight_sk=weight),))


Weighted = tuple[float, Mapping[str, Contrast]]  # its weight, and the same contrast on each of its replicates


def over_replicates(levels: Sequence[Weighted]) -> Contrast:
    """Return the weighted sum over `levels` of the mean over a level's replicates, which are a sample.

    What varies in a replicate, its own seeds among them, is part of how the replicates differ.
    """
    return Contrast(
        groups=tuple(
            Group(
                seeds=tuple(replicates),
                weight_sk=weight * np.array([each.weight_k for each in replicates.values()]),
                named=True,
            )
            for weight, replicates in levels
        )
    )


def within_replicates(levels: Sequence[Weighted]) -> Contrast:
    """Return the same sum with the replicates as they are: the seeds of each replicate are a sample of their own."""
    return Contrast(
        groups=tuple(
            replace(group, seeds=tuple((name, seed) for seed in group.seeds), named=True).scaled(
                weight / len(replicates)
            )
            for weight, replicates in levels
            for name, each in replicates.items()
            for group in each.groups
        )
    )


def _group(side: Mapping[Seed, int], columns: int, *, sign: float) -> Group:
    weight = np.zeros((len(side), columns))
    weight[np.arange(len(side)), list(side.values())] = sign
    return Group(seeds=tuple(side), weight_sk=weight)
