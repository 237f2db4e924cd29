"""Ranks of a resample without sorting it: exact mid-ranks from counts and one sort of the original values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from harness.stats.units import FloatArray

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Presorted:
    """One variable of n examples, sorted once; most have a value of their own, the rest is in tie groups.

    `order` (n,) lists the examples from the smallest value on, `upto` (n,) counts those whose value is not larger than
    that of each. `tied` (m,) are the examples that share their value, `below` (m,) counts those that are smaller.
    `first` and `last` (groups,) count the examples before each tie group and to its end.
    """

    order: NDArray[np.intp]
    upto: NDArray[np.intp]
    tied: NDArray[np.intp]
    below: NDArray[np.intp]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def cumulate(self, copies_bn: IntArray) -> IntArray:
        """Return how many copies the first 0 … n examples in order have, (resamples, n + 1).

        Integers, a resample a row: their running sums are eight times as quick as those of floats.
        """
        sums = np.zeros((copies_bn.shape[0], copies_bn.shape[1] + 1), dtype=np.int32)
        np.cumsum(np.take(copies_bn, self.order, axis=1), axis=1, out=sums[:, 1:])
        return sums

    def doubled_ranks(self, sums: IntArray, copies_bn: IntArray) -> IntArray:
        """Return twice the mid-rank of each example less one, (resamples, n); `sums` as `cumulate` gives them.

        A tie group of w copies after c others holds the ranks c + 1 to c + w: twice their mean is c + (c + w) + 1.
        """
        ranks: IntArray = np.take(sums, self.upto, axis=1)
        ranks *= 2
        ranks -= copies_bn
        if len(self.tied):
            ends = np.take(sums, self.upto[self.tied], axis=1)
            ends += np.take(sums, self.below, axis=1)
            ranks[:, self.tied] = ends
        return ranks

    def spread(self, sums: IntArray, copies_bn: IntArray, cubes: FloatArray) -> FloatArray:
        """Return the sum of squares of the mid-ranks around their mean, (resamples,); `cubes` as `sum_cubes` gives it.

        (N^3 - N)/12 less (w^3 - w)/12 for every w copies of one value (Kendall 1945, Biometrika 33); sum of w = N.
        """
        if len(self.tied):
            groups = np.take(sums, self.last, axis=1) - np.take(sums, self.first, axis=1)
            cubes = cubes - sum_cubes(np.take(copies_bn, self.tied, axis=1)) + sum_cubes(groups)
        spread: FloatArray = (sums[:, -1].astype(np.float64) ** 3 - cubes) / 12
        return spread


def sum_cubes(copies: IntArray) -> FloatArray:
    """Return the sum of the cubes of each row, (resamples,)."""
    w = copies.astype(np.float64)
    cubes: FloatArray = np.vecdot(w * w, w)
    return cubes


def presort(values: FloatArray) -> Presorted:
    """Sort `values` (n,) and find its ties."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    tied = np.flatnonzero(upto - below > 1)
    first, last = (np.unique(ends[tied]) for ends in (below, upto))
    return Presorted(order=order, upto=upto, tied=tied, below=below[tied], first=first, last=last)


def mid_rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's correlation, Pearson's of mid-ranks; NaN if a side is constant."""
    a, b = (rankdata(x) for x in (first, second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
