"""Ranks of a resample without sorting it: exact mid-ranks from counts and one sort of the original values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import rankdata

from harness.stats.units import FloatArray


@dataclass(frozen=True)
class Presorted:
    """One variable, sorted once: `group` (n,) is each example's tie group, groups numbered from the smallest value.

    `members` (groups, n) holds a 1 where an example is of a group.
    """

    group: NDArray[np.intp]
    members: csr_array

    def group_sums(self, values_nb: FloatArray) -> FloatArray:
        """Sum `values_nb` (n, resamples) within tie groups, in sorted order: (groups, resamples)."""
        sums: FloatArray = self.members @ values_nb
        return sums

    def mid_ranks(self, weight_gb: FloatArray) -> FloatArray:
        """Return each group's mid-rank from its number of copies, `weight_gb` (groups, resamples).

        A group of w copies after c others holds the ranks c + 1 to c + w: their mean is c + (w + 1) / 2.
        """
        ranks = np.cumsum(weight_gb, axis=0)
        ranks -= 0.5 * weight_gb
        ranks += 0.5
        return ranks


def presort(values: FloatArray) -> Presorted:
    """Sort `values` (n,) and find its ties."""
    names, group = np.unique(values, return_inverse=True)
    n = len(values)
    members = csr_array((np.ones(n), (group, np.arange(n))), shape=(len(names), n))
    return Presorted(group=group.astype(np.intp), members=members)


def mid_rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's correlation, Pearson's of mid-ranks; NaN if a side is constant."""
    a, b = (rankdata(x) for x in (first, second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
