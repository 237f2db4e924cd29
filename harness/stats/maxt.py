"""Step-down max-T: p values adjusted for a family by the joint distribution of its statistics.

Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8; Romano and Wolf 2005, Econometrica
73(4), 1237-1282, algorithm 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.errors import HarnessError
from harness.stats.joint import JointStatistics
from harness.stats.units import FloatArray

_CHUNK_CELLS = 1 << 22


def max_t(observed: FloatArray, null: FloatArray) -> list[float | None]:
    """Return two-sided p values adjusted so that the family-wise error is controlled strongly.

    `observed` (m,) and `null` (resamples, m) are signed statistics on one scale. p = (b + 1) / (B + 1) where b counts
    the resamples in which the largest of this and all less extreme hypotheses is as extreme as this one. NaN, a
    hypothesis that could not be tested, gives None and is no member of the family.
    """
    family = _Family(observed)
    family.add(null)
    return family.adjusted()


def max_t_families(joint: JointStatistics, families: Sequence[Sequence[int]]) -> list[list[float | None]]:
    """Return the p values of `max_t` for several families among the hypotheses of `joint`, drawn once for all."""
    chosen = [np.asarray(members, dtype=np.int64) for members in families]
    found = [_Family(joint.observed[members]) for members in chosen]
    for block in joint.blocks():
        for family, members in zip(found, chosen, strict=True):
            # a family of all is not copied
            family.add(block if np.array_equal(members, np.arange(block.shape[1])) else block[:, members])
    return [family.adjusted() for family in found]


class _Family:
    """The counts of one family, to which null statistics are added some rows at a time."""

    def __init__(self, observed: FloatArray) -> None:
        self._count = len(observed)
        members = np.flatnonzero(np.isfinite(observed))
        self._order = members[np.argsort(np.abs(observed[members]), kind="stable")]  # least extreme first
        self._size = np.abs(observed[self._order])
        self._extreme = np.zeros(len(self._order))
        self._rows = 0

    def add(self, null: FloatArray) -> None:
        if null.ndim != 2 or null.shape[1] != self._count:
            raise HarnessError(f"{self._count} statistics need as many null ones, got {null.shape[-1]}")
        chunk = max(1, _CHUNK_CELLS // max(1, len(self._order)))
        for start in range(0, len(null), chunk):
            largest = np.maximum.accumulate(np.abs(null[start : start + chunk, self._order]), axis=1)
            self._extreme += np.count_nonzero(largest >= self._size * (1 - 1e-12), axis=0)
        self._rows += len(null)

    def adjusted(self) -> list[float | None]:
        adjusted: list[float | None] = [None] * self._count
        p = (self._extreme + 1) / (self._rows + 1)
        for place, value in zip(self._order, np.maximum.accumulate(p[::-1])[::-1], strict=True):
            adjusted[int(place)] = float(value)
        return adjusted
