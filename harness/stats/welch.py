"""Welch's t test over seed means: the check on seeds crossed with examples.

Blind to the examples: it says how the scores of seeds differ on these very examples.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.errors import HarnessError
from harness.stats.units import finite


@dataclass(frozen=True, kw_only=True)
class Welch:
    """Difference of two means with its standard error; all but the difference is None below two seeds a side."""

    difference: float
    se: float | None
    t: float | None
    df: float | None
    p: float | None


def welch_test(first: ArrayLike, second: ArrayLike) -> Welch:
    """Compare the scores of two sets of seeds (Welch 1947, Biometrika 34, 28-35); None where nothing varies."""
    a, b = finite(first, what="scores of the first"), finite(second, what="scores of the second")
    if not a.size or not b.size:
        raise HarnessError("a comparison needs at least one seed on each side; one side has none")
    difference = float(a.mean() - b.mean())
    if min(a.size, b.size) < 2:
        return Welch(difference=difference, se=None, t=None, df=None, p=None)
    variance = a.var(ddof=1) / a.size + b.var(ddof=1) / b.size
    if variance <= 1e-24:
        return Welch(difference=difference, se=None, t=None, df=None, p=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns where one side is constant; the test holds there
        found = stats.ttest_ind(a, b, equal_var=False)
    se, t, df, p = (float(x) for x in (np.sqrt(variance), found.statistic, found.df, found.pvalue))
    return Welch(difference=difference, se=se, t=t, df=df, p=p)


def outlying(scores: Mapping[int | None, float], *, alpha: float = 0.001) -> list[int]:
    """Return the training seeds that lie far from the others: outside the prediction interval that those give.

    The tests take seeds as normal, and one that collapsed is not. Of fewer than five nothing can be said.

    >>> outlying({0: 0.70, 1: 0.71, 2: 0.69, 3: 0.70, 4: 0.40}), outlying({0: 0.70, 1: 0.71, 2: 0.69, 3: 0.70, 4: 0.66})
    ([4], [])
    """
    found = []
    for seed, score in scores.items() if len(scores) >= 5 else ():
        others = np.array([other for s, other in scores.items() if s != seed])
        spread = float(others.std(ddof=1)) * np.sqrt(1 + 1 / len(others))
        far = abs(score - others.mean()) > stats.t.ppf(1 - alpha / 2, len(others) - 1) * spread
        if seed is not None and spread > 0 and far:
            found.append(seed)
    return found
