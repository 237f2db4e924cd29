"""How large a difference these data could have shown, and how much data would decide one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from harness.errors import HarnessError
from harness.stats.estimate import Components

POWER = 0.8  # the share of true differences that should be found
_MOST = 10_000_000


def minimum_detectable_effect(se: float | None, *, df: float | None = None) -> float | None:
    """Return the true difference that a two-sided test at 5 % finds with probability POWER.

    In the unit of `se`: the sum of the two t quantiles times `se`, 2.80 se for many units (Bloom 1995,
    Evaluation Review 19(5), 547-556). `df` None takes the normal distribution. None if `se` is None.

    >>> round(minimum_detectable_effect(1.0), 2)
    2.8
    """
    if se is None:
        return None
    quantile = stats.norm.ppf if df is None else stats.t(df).ppf
    return float((quantile(0.975) + quantile(POWER)) * se)


def power_of(effect: float, components: Components, *, n_units: int, n_seeds: int = 1, alpha: float = 0.05) -> float:
    """Return the probability that the two-sided t test finds `effect` with that many units and seeds.

    Noncentral t with Satterthwaite's df, seeds crossed with units as in `crossed`; exact for one seed and
    normal differences. With `components.seed` None the claim is about checkpoints and `n_seeds` has no part.
    """
    if n_units < 2:
        return 0.0
    examples = components.example / n_units
    seeds = 0.0
    spent = examples**2 / (n_units - 1)
    if components.seed is not None:
        if n_seeds < 2:
            return 0.0
        seeds = (components.seed + (components.seed_example or 0.0) / n_units) / n_seeds
        spent += seeds**2 / (n_seeds - 1)
    variance = examples + seeds + components.draw
    if variance <= 0:
        raise HarnessError("power needs a difference that varies over the examples; this one is constant")
    df = variance**2 / spent if spent > 0 else 1e9
    shift = abs(effect) / np.sqrt(variance)
    critical = stats.t.ppf(1 - alpha / 2, df)
    if shift > 30 + critical:
        return 1.0
    return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))


def examples_needed(effect: float, components: Components, *, n_seeds: int = 1, alpha: float = 0.05) -> int | None:
    """Return the fewest units that find `effect` with probability POWER; None if none do, seeds being too few."""
    return _fewest(lambda n: power_of(effect, components, n_units=n, n_seeds=n_seeds, alpha=alpha))


def seeds_needed(effect: float, components: Components, *, n_units: int, alpha: float = 0.05) -> int | None:
    """Return the fewest seeds that find `effect`; None if none do, examples being too few or seeds not a sample."""
    if components.seed is None:
        return None
    return _fewest(lambda s: power_of(effect, components, n_units=n_units, n_seeds=s, alpha=alpha))


def _fewest(reached: Callable[[int], float]) -> int | None:
    """Return the smallest count from 2 on that reaches POWER, found by doubling and halving."""
    high = 2
    while reached(high) < POWER:
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= POWER else (middle, high)
    return high
