"""Is a difference inside a margin? Two one-sided tests, and the one-sided test of a regression gate."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.stats.estimate import Estimate
from harness.stats.skewed import SkewedT


def equivalence_test(estimate: Estimate, *, margin: float) -> float | None:
    """Return p against "the difference is `margin` or more, either way": the larger p of two one-sided t tests.

    Schuirmann 1987, J. Pharmacokin. Biopharm. 15. Where no unit differs at all, p is the chance of that if a share of
    `margin` differed. None where the difference does not vary for another reason: then nothing is known about the next
    example. Raises HarnessError for a margin that is not positive.
    """
    low, high = _tails(estimate, margin)
    if low is None or high is None:
        parts = estimate.components
        unmoved = parts is not None and parts.moving == 0
        return max(0.0, 1 - margin) ** estimate.n_units if unmoved else None
    return max(low, high)


def non_inferiority_test(estimate: Estimate, *, margin: float) -> tuple[float | None, float | None]:
    """Return two one-sided p values about a difference (new minus golden) below - `margin`: not worse, and loss.

    The first small: shown not to be worse by the margin or more. The second small: shown to be worse by more than
    the margin. Both large: the data cannot tell. None where the difference does not vary. Wellek 2010, ch. 2.2, 5.1.
    """
    not_worse, _ = _tails(estimate, margin)
    return not_worse, None if not_worse is None else 1 - not_worse


def _tails(estimate: Estimate, margin: float) -> tuple[float | None, float | None]:
    """Return p against "at most - margin" and p against "at least margin"."""
    if not margin > 0:
        raise HarnessError(f"a margin has to be above 0, got {margin:g}")
    if estimate.se is None or estimate.df is None:
        return None, None
    shape = estimate.shape or SkewedT(centre=estimate.value, se=estimate.se, df=estimate.df)
    return shape.above(-margin), shape.below(margin)
