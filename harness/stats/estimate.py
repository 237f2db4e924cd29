"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.units import finite

Over = Literal["checkpoints", "seeds"]
LEVEL = 0.95  # of every interval


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval in the unit of the estimate; `method` names how it was made."""

    low: float
    high: float
    level: float = LEVEL
    method: str


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variance components of a contrast, each for one unit, one seed, one draw (Searle et al. 1992, ch. 4).

    With N units and S seeds the variance of the contrast is example / N + seed / S + seed_example / (N S) +
    draw, where `draw` is what the draws at hand add, already divided by their number. `seed` and
    `seed_example` are None where the seeds are not a sample (one seed, or checkpoints as they are).
    """

    example: float
    seed: float | None = None
    seed_example: float | None = None
    draw: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its uncertainty: over examples, and over training seeds too where `over` is "seeds".

    `se`, `interval`, `p` (two-sided, against 0) are None where they cannot be estimated or were not asked
    for. `df` are the degrees of freedom of `se`: units - 1, Satterthwaite's where several factors vary, None
    for a bootstrap standard error. `n_seeds` is the number of seeds a side (the smaller one if they differ).
    """

    value: float
    se: float | None
    df: float | None
    interval: Interval | None
    p: float | None
    n_examples: int
    n_units: int
    n_seeds: int = 1
    n_draws: int = 1
    over: Over = "checkpoints"
    test: str = ""
    components: Components | None = None


@dataclass(frozen=True, kw_only=True)
class DrawSpread:
    """Mean and range over `n_draws` draws, which share documents: the range is no confidence interval."""

    value: float
    low: float
    high: float
    n_draws: int


def draw_spread(values: ArrayLike) -> DrawSpread:
    """Describe `values` (draws,): a system's V-measure in each draw, or the difference of two systems'."""
    draws = finite(values, what="draws")
    return DrawSpread(value=float(np.mean(draws)), low=float(draws.min()), high=float(draws.max()), n_draws=len(draws))
