"""Ranks of a resample without sorting it: exact mid-ranks from counts and one sort of the original values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.units import FloatArray


@dataclass(frozen=True)
class Presorted:
    """One variable, sorted once: `order` (n,) sorts it, `starts` (groups,) are where its tie groups begin."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    group: NDArray[np.intp]  # (n,) tie group of each example, in the original order

    @property
    def tied(self) -> bool:
        """Whether any two values are equal."""
        return len(self.starts) < len(self.order)

    def group_sums(self, values_nb: FloatArray) -> FloatArray:
        """Sum `values_nb` (n, resamples) within tie groups, in sorted order: (groups, resamples)."""
        ordered = values_nb[self.order]
        return np.add.reduceat(ordered, self.starts, axis=0) if self.tied else ordered

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
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    group = np.empty(len(values), dtype=np.intp)
    group[order] = np.cumsum(first) - 1
    return Presorted(order=order, starts=np.flatnonzero(first), group=group)
