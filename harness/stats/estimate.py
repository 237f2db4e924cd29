"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval in the unit of the estimate; `method` names how it was made."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its uncertainty over examples.

    `se`, `interval`, `p` (two-sided, against 0) are None where they cannot be estimated or were not asked
    for. `df` are the degrees of freedom of `se`: units - 1, or None for a bootstrap standard error.
    """

    value: float
    se: float | None
    df: int | None
    interval: Interval | None
    p: float | None
    n_examples: int
    n_units: int
