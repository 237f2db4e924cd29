"""V-measure over draws: descriptive. The draws share documents, so they are no sample to test with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.units import finite


@dataclass(frozen=True, kw_only=True)
class DrawSpread:
    """Mean and range over `n_draws` draws. The range describes the draws; it is no confidence interval."""

    value: float
    low: float
    high: float
    n_draws: int


def draw_spread(values: ArrayLike) -> DrawSpread:
    """Describe `values` (draws,): a system's V-measure in each draw, or the difference of two systems'."""
    draws = finite(values, what="draws")
    return DrawSpread(value=float(np.mean(draws)), low=float(draws.min()), high=float(draws.max()), n_draws=len(draws))
