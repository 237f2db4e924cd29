"""How large a difference this many examples could have shown."""

from __future__ import annotations

from scipy import stats


def minimum_detectable_effect(
    se: float | None, *, df: int | None = None, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the true difference that a two-sided test at `alpha` finds with probability `power`.

    In the unit of `se`: the sum of the two t quantiles times `se`, 2.80 se for many units (Bloom 1995,
    Evaluation Review 19(5), 547-556). `df` None takes the normal distribution. None if `se` is None.

    >>> round(minimum_detectable_effect(1.0), 2)
    2.8
    """
    if se is None:
        return None
    quantile = stats.norm.ppf if df is None else stats.t(df).ppf
    return float((quantile(1 - alpha / 2) + quantile(power)) * se)
