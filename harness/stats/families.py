"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted by Holm's step-down method (Holm 1979, Scand. J. Statist. 6, 65-70).

    A test that could not be made (None) stays None and is no member of the family.

    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    members = [i for i, p in enumerate(p_values) if p is not None]
    p = np.array([p_values[i] for i in members], dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    adjusted: list[float | None] = [None] * len(p_values)
    for place, value in zip(order, stepped, strict=True):
        adjusted[members[place]] = float(value)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted for the false discovery rate (Benjamini and Hochberg 1995, JRSS B 57, 289-300).

    For what was not declared beforehand: exploratory comparisons. None as in `holm`.

    >>> benjamini_hochberg([0.01, None, 0.02, 0.03])
    [0.03, None, 0.03, 0.03]
    """
    adjusted = iter(stats.false_discovery_control([p for p in p_values if p is not None], method="bh"))
    return [None if p is None else float(next(adjusted)) for p in p_values]
