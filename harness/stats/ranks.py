"""Rank sets: which ranks a system can have, given what has been shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class RankSet:
    """All ranks from `low` (best) to `high` are compatible with the data."""

    low: int
    high: int


def rank_sets(beats: ArrayLike) -> list[RankSet]:
    """Return each system's ranks, all right at once with the confidence of the tests.

    `beats` (n, n) is true at (i, j) where i was shown to be better than j, by tests that control the
    family-wise error over all pairs. A system's rank lies in [1 + systems shown to be better than it, n -
    systems shown to be worse] (Mogstad, Romano, Shaikh and Wilhelm 2024, Review of Economic Studies 91(1),
    476-518, section 3, eq. 9). Raises HarnessError if two systems beat each other, or a table is not square.
    """
    table = np.asarray(beats, dtype=bool)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise HarnessError(f"pairwise results need a square table, got {table.shape}")
    if (table & table.T).any():
        i, j = (int(x) for x in np.argwhere(table & table.T)[0])
        raise HarnessError(f"systems {i} and {j} cannot each be better than the other; check the order of the pairs")
    n = len(table)
    return [
        RankSet(low=1 + int(better), high=n - int(worse))
        for better, worse in zip(table.sum(axis=0), table.sum(axis=1), strict=True)
    ]
