"""Step-down max-T: p values adjusted for a family by the joint distribution of its statistics.

Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8; Romano and Wolf 2005, Econometrica
73(4), 1237-1282, algorithm 4.1.
"""

from __future__ import annotations

import numpy as np

from harness.errors import HarnessError
from harness.stats.units import FloatArray

_CHUNK_CELLS = 1 << 22


def max_t(observed: FloatArray, null: FloatArray) -> list[float | None]:
    """Return two-sided p values adjusted so that the family-wise error is controlled strongly.

    `observed` (m,) and `null` (resamples, m) are signed statistics on one scale (`joint_statistics`). p =
    (b + 1) / (B + 1) where b counts the resamples in which the largest of this and all less extreme
    hypotheses is as extreme as this one. NaN, a hypothesis that could not be tested, gives None and is no
    member of the family.
    """
    if null.ndim != 2 or null.shape[1] != len(observed):
        raise HarnessError(f"{len(observed)} statistics need as many null ones, got {null.shape[-1]}")
    adjusted: list[float | None] = [None] * len(observed)
    members = np.flatnonzero(np.isfinite(observed))
    order = members[np.argsort(np.abs(observed[members]), kind="stable")]  # least extreme first
    size = np.abs(observed[order])
    extreme = np.zeros(len(order))
    chunk = max(1, _CHUNK_CELLS // max(1, len(order)))
    for start in range(0, len(null), chunk):
        largest = np.maximum.accumulate(np.abs(null[start : start + chunk, order]), axis=1)
        extreme += np.count_nonzero(largest >= size * (1 - 1e-12), axis=0)
    p = (extreme + 1) / (len(null) + 1)
    for place, value in zip(order, np.maximum.accumulate(p[::-1])[::-1], strict=True):
        adjusted[int(place)] = float(value)
    return adjusted
