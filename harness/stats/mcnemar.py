"""Exact McNemar test: the check on a sign-flip test of right and wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.errors import HarnessError
from harness.stats.units import finite


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Examples that only the first or only the second got right, and the exact two-sided p."""

    only_first: int
    only_second: int
    p: float


def mcnemar_test(first: ArrayLike, second: ArrayLike) -> McNemar:
    """Compare right (1) and wrong (0) of two systems on the same n examples (McNemar 1947, Psychometrika 12).

    Exact: the discordant examples are binomial with 1/2. p is 1 where none is discordant. Examples have to be
    independent, so this is no test for clusters. Raises HarnessError for other values and unequal lengths.
    """
    a, b = finite(first, what="outcomes of the first"), finite(second, what="outcomes of the second")
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise HarnessError(f"McNemar's test needs the same examples on both sides, got {a.size} and {b.size}")
    if not np.isin(a, (0, 1)).all() or not np.isin(b, (0, 1)).all():
        raise HarnessError("McNemar's test takes right (1) and wrong (0) only; do not average before the test")
    only_first, only_second = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    discordant = only_first + only_second
    p = float(stats.binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first=only_first, only_second=only_second, p=p)
