"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.units import finite

if TYPE_CHECKING:
    from harness.stats.skewed import SkewedT

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
    `seed_example` are None where the seeds are not a sample (one seed, or checkpoints as they are). `moving` is the
    share of units that differ at all, by `size` each (root mean square); None where signs of units are not tested.
    """

    example: float
    seed: float | None = None
    seed_example: float | None = None
    draw: float = 0.0
    moving: float | None = None
    size: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its uncertainty: over examples, and over training seeds too where `over` is "seeds".

    `se`, `interval`, `p` (two-sided, against 0) are None where they cannot be estimated or were not asked
    for. `df` are the degrees of freedom of `se`: units - 1, or Satterthwaite's where several factors vary. `shape` says
    how a skewed mean is spread. `n_seeds` is the number of seeds a side (the smaller one if they differ).
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
    shape: SkewedT | None = None

    def reversed(self) -> Estimate:
        """Return the same estimate of second minus first."""
        ends = self.interval and replace(self.interval, low=-self.interval.high, high=-self.interval.low)
        return replace(self, value=-self.value, interval=ends, shape=self.shape and self.shape.reversed())


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
