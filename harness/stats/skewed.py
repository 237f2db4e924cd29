"""Student's t for a mean whose units are skewed, such as rare errors: Hall's transformation removes the skewness.

Hall 1992, JRSS B 54(1), 221-228: with a the skewness of the mean, T = (1 + a t / 3)^3 / a - 1 / a + a / 6 is free of
it to the order of 1/n, monotone in t, and has an inverse in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from harness.stats.estimate import LEVEL, Interval
from harness.stats.units import FloatArray, degrees_of_freedom

_STRAIGHT = 1e-8  # a skewness below this is none


@dataclass(frozen=True, kw_only=True)
class SkewedT:
    """A mean's `centre` and standard error, its degrees of freedom, and the skewness of its distribution."""

    centre: float
    se: float
    df: float
    skew: float = 0.0

    @classmethod
    def of(cls, part_u: FloatArray, share_u: FloatArray) -> SkewedT | None:
        """Describe a sum over units; `part_u` and `share_u` (units,) as in Contributions. None without any spread.

        Where some units add nothing, as examples that two systems answer alike, one more unit is counted each way, of
        the usual size, in proportion to their share (as Bonett and Price 2012, JEBS 37(4), 479-488, for pairs of
        proportions): else the few others would seem to be all that can happen.
        """
        count, moving = len(part_u), part_u[part_u != 0]
        more = 1 - len(moving) / count
        size = np.sqrt(np.mean(moving**2)) if len(moving) else 0.0
        total = count + 2 * more
        centre = float(part_u.sum()) * count / total
        rest = (part_u - centre * share_u) * count
        each_way = np.array([size * count - centre, -size * count - centre])
        square, cube = (float((rest**k).sum() + more * (each_way**k).sum()) for k in (2, 3))
        if count < 2 or square <= (1e-12 * total) ** 2:
            return None
        se = np.sqrt(square / (count - 1) / total)
        return cls(centre=centre, se=float(se), df=degrees_of_freedom(share_u), skew=cube / square**1.5)

    def above(self, at: float) -> float:
        """Return p against "the mean is at most `at`"."""
        return float(special.stdtr(self.df, -self._straight((self.centre - at) / self.se)))

    def below(self, at: float) -> float:
        """Return p against "the mean is at least `at`"."""
        return float(special.stdtr(self.df, self._straight((self.centre - at) / self.se)))

    @property
    def p(self) -> float:
        """Two-sided, against 0."""
        return min(1.0, 2 * min(self.above(0.0), self.below(0.0)))

    @property
    def interval(self) -> Interval:
        """The interval that holds what `above` and `below` do not reject."""
        end = float(special.stdtrit(self.df, (1 + LEVEL) / 2))
        low, high = (self.centre - self.se * self._bent(x) for x in (end, -end))
        return Interval(low=low, high=high, method="skewness-corrected t")

    def reversed(self) -> SkewedT:
        """Return the same of the mean times -1."""
        return replace(self, centre=-self.centre, skew=-self.skew)

    def _straight(self, t: float) -> float:
        a = self.skew
        return t if abs(a) < _STRAIGHT else ((1 + a * t / 3) ** 3 - 1) / a + a / 6

    def _bent(self, x: float) -> float:
        a = self.skew
        return x if abs(a) < _STRAIGHT else 3 / a * (float(np.cbrt(1 + a * (x - a / 6))) - 1)
