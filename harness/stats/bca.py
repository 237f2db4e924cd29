"""BCa intervals (Efron 1987, JASA 82, 171-185; DiCiccio and Efron 1996, Stat. Science 11(3), section 2)."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from harness.stats.estimate import Interval
from harness.stats.units import FloatArray


def bca(
    observed: float, *, replicates: FloatArray, jackknife: FloatArray, level: float = 0.95
) -> tuple[Interval | None, float | None]:
    """Return the BCa interval of a statistic and the two-sided p against 0 that agrees with it.

    `replicates` (B,) are its bootstrap values, `jackknife` (units,) its leave-one-out values. p is the
    smallest error rate whose interval leaves out 0, so `p < 1 - level` and "0 is outside" are one statement;
    it cannot fall below about 2 / (B + 1). (None, None) if the statistic does not vary.
    """
    if np.ptp(replicates) < 1e-12 or np.ptp(jackknife) < 1e-12:
        return None, None
    bias = stats.norm.ppf(_share_below(replicates, observed))
    pull = jackknife.mean() - jackknife
    acceleration = float((pull**3).sum() / (6 * (pull**2).sum() ** 1.5))
    low, high = (
        float(np.quantile(replicates, _adjusted(tail, bias=bias, acceleration=acceleration)))
        for tail in ((1 - level) / 2, (1 + level) / 2)
    )
    # the same map, inverted at the point where an end of the interval touches 0
    shift = stats.norm.ppf(_share_below(replicates, 0.0)) - bias
    divisor = 1 + acceleration * shift
    if divisor <= 0:  # 0 lies beyond the reach of the correction: as extreme as can be said
        return Interval(low=low, high=high, level=level, method="BCa"), 2 / (len(replicates) + 1)
    tail = float(stats.norm.cdf(shift / divisor - bias))
    p = min(1.0, max(2 * min(tail, 1 - tail), 2 / (len(replicates) + 1)))
    return Interval(low=low, high=high, level=level, method="BCa"), p


def _share_below(replicates: FloatArray, value: float) -> float:
    """Return the share of replicates below `value`, ties half, kept inside (0, 1)."""
    below = np.count_nonzero(replicates < value) + 0.5 * np.count_nonzero(replicates == value)
    return float((below + 0.5) / (len(replicates) + 1))


def _adjusted(tail: float, *, bias: float, acceleration: float) -> float:
    z = bias + stats.norm.ppf(tail)
    divisor = 1 - acceleration * z
    if divisor <= 0:
        return 0.0 if z < 0 else 1.0
    return float(stats.norm.cdf(bias + z / divisor)) if math.isfinite(z) else tail
