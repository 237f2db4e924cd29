"""Sequential looks: a test is made at several numbers of seeds, which were declared beforehand.

Alpha spending: by a share t of the last look's seeds, f(t) = 2 - 2 F(z / sqrt(t)) of errors may have been made, F the
normal distribution and f(1) = alpha: little at first, as O'Brien and Fleming's boundary has it (Lan and DeMets 1983,
Biometrika 70, 659-663). A look gets what f has grown by since the one before it (Bonferroni). That holds for p values
that depend on each other in any way. The larger bounds from the joint distribution of one statistic's looks do not
hold for the adjusted p of a family (docs/decisions.md), nor are they known for t with few degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10, sqrt

from scipy import special


@dataclass(frozen=True, kw_only=True)
class Look:
    """The test at the `number`-th (from 1) of the declared `seeds`: p has to be at most `alpha` here."""

    number: int
    seeds: tuple[int, ...]
    alpha: float

    @property
    def more(self) -> int:
        """How many seeds the next look adds; 0 at the last one."""
        return 0 if self.number == len(self.seeds) else self.seeds[self.number] - self.seeds[self.number - 1]


def spent(looks: Sequence[int], *, alpha: float) -> tuple[float, ...]:
    """Return the share of errors that each of `looks` (numbers of seeds, increasing) may make; their sum is `alpha`.

    Rounded down to three digits.

    >>> spent((5, 7, 10), alpha=0.05)
    (0.00557, 0.0135, 0.0308)
    """
    z = -special.ndtri(alpha / 2)
    upto = [0.0, *(2 * float(special.ndtr(-z / sqrt(n / looks[-1]))) for n in looks)]
    return tuple(_down(after - before) for before, after in pairwise(upto))


def _down(share: float) -> float:
    if share < 1e-12:
        return 0.0
    digits = 2 - floor(log10(share))
    return float(f"{floor(share * 10**digits * (1 + 1e-12)) / 10**digits:.3g}")
