"""The ratio of two contrasts of one table, with Fieller's interval; it need not exist, and then it is None.

Fieller 1954 (JRSS B 16, 175-185): the interval holds every ratio r for which numerator - r × denominator is not
significantly different from 0. It ends on both sides only where the denominator itself is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from harness.stats.contributions import Contributions
from harness.stats.estimate import LEVEL, Interval
from harness.stats.units import FloatArray, degrees_of_freedom


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """`value` and `interval` are None where the interval of the denominator holds 0: any ratio would do then.

    `numerator` and `denominator` are the two contrasts, each with its interval of Student's t.
    """

    value: float | None
    interval: Interval | None
    numerator: tuple[float, Interval | None]
    denominator: tuple[float, Interval | None]


def fieller_ratio(table: Contributions, numerator_k: ArrayLike, denominator_k: ArrayLike) -> Ratio:
    """Return the ratio of the contrasts with weights `numerator_k` and `denominator_k` (k,), paired by unit.

    Systems and draws stand as they are: the intervals cover the units.
    """
    weight_k2 = np.stack([np.asarray(numerator_k, float), np.asarray(denominator_k, float)], axis=1)
    value = table.value_kd.mean(axis=1) @ weight_k2
    if table.n_units < 2:
        return Ratio(value=None, interval=None, numerator=(value[0], None), denominator=(value[1], None))
    part_u2 = table.centred.mean(axis=2) @ weight_k2
    covariance = part_u2.T @ part_u2 * table.n_units / (table.n_units - 1)
    df = degrees_of_freedom(table.share_ud.mean(axis=1))
    t = float(special.stdtrit(df, (1 + LEVEL) / 2))
    ends = [_student(float(v), t * float(np.sqrt(covariance[i, i]))) for i, v in enumerate(value)]
    found, interval = _fieller(value, covariance, t)
    return Ratio(
        value=found, interval=interval, numerator=(float(value[0]), ends[0]), denominator=(float(value[1]), ends[1])
    )


def _student(value: float, half: float) -> Interval:
    return Interval(low=value - half, high=value + half, method="Student's t")


def _fieller(value: FloatArray, covariance: FloatArray, t: float) -> tuple[float | None, Interval | None]:
    above, below = value
    # The ratios r with (above - r below)^2 <= t^2 Var(above - r below): a square in r.
    square = below**2 - t**2 * covariance[1, 1]
    if square <= 0:
        return None, None
    middle = (above * below - t**2 * covariance[0, 1]) / square
    rest = (above**2 - t**2 * covariance[0, 0]) / square
    half = float(np.sqrt(max(0.0, middle**2 - rest)))
    interval = Interval(low=float(middle - half), high=float(middle + half), method="Fieller's")
    return float(above / below), interval
