"""How large a difference these data could have shown, and how much data would decide one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import optimize, special, stats

from harness.errors import HarnessError
from harness.stats.estimate import Components, Estimate

POWER = 0.8  # the share of true differences that should be found
_MOST = 10_000_000
_FEW_MOVING = 100  # units that differ: below, the exact test is so coarse that its power has to be summed
_GRID = (np.arange(200) + 0.5) / 200  # equally likely quantiles of what is integrated over
_PILOTS = (np.arange(10) + 0.5) / 10


def minimum_detectable_effect(estimate: Estimate) -> float | None:
    """Return the true difference that a two-sided test at 5 % finds with probability POWER; None if it cannot be said.

    2.80 standard errors for many units (Bloom 1995, Evaluation Review 19(5), 547-556), more of them for few degrees of
    freedom. Where few units differ it is no less than what the exact test of their signs can find.
    """
    parts, by_t = estimate.components, None
    if estimate.se is not None and estimate.df is not None:
        by_t = _standard_errors(round(min(estimate.df, 1e4), 2)) * estimate.se
    moving = None if parts is None or parts.moving is None else round(parts.moving * estimate.n_units)
    if parts is None or moving is None or moving >= _FEW_MOVING:
        return by_t
    exact = _least_found(estimate.n_units, moving)
    return None if exact is None else max(by_t or 0.0, exact * parts.size)


def detectable_difference(variance: float, *, n_units: int) -> float | None:
    """Return the same for a mean over units whose differences have that variance, before anything was measured."""
    if n_units < 2:
        return None
    return _standard_errors(round(min(n_units - 1, 1e4), 2)) * float(np.sqrt(variance / n_units))


@cache
def _standard_errors(df: float) -> float:
    """Return how many estimated standard errors a t test with `df` finds with POWER.

    The noncentrality that has this power, by what the estimate falls short of the true standard error in the median.
    """
    critical = float(special.stdtrit(df, 0.975))
    if df > 500:
        return critical + float(special.stdtrit(df, POWER))
    shift = float(optimize.brentq(lambda d: stats.nct.sf(critical, df, d) - POWER, 0.5, critical + 30))
    return shift * float(np.sqrt(df / stats.chi2.median(df)))


@cache
def _least_found(n_units: int, moving: int) -> float | None:
    """Return the least net share of `n_units` that sign flips find with POWER where `moving` of them differ."""
    low, high = 0.0, 1.0
    if sign_flip_power(high, n_units=n_units, moving=moving / n_units) < POWER:
        return None
    for _ in range(16):
        middle = (low + high) / 2
        found = sign_flip_power(middle, n_units=n_units, moving=moving / n_units)
        low, high = (low, middle) if found >= POWER else (middle, high)
    return high


def sign_flip_power(effect: float, *, n_units: int, moving: float, alpha: float = 0.05) -> float:
    """Return the probability that the exact two-sided test of signs finds a net share `effect` of units.

    A share `moving` of the units differs (no less than `effect`), each by the same amount one way or the other.
    """
    share = min(1.0, max(moving, abs(effect)))
    if share == 0:
        return 0.0
    count = np.arange(int(stats.binom.ppf(1e-7, n_units, share)), int(stats.binom.isf(1e-7, n_units, share)) + 1)
    chance = stats.binom.pmf(count, n_units, share)
    critical = stats.binom.isf(alpha / 2, count, 0.5) + 1  # that many to one side are too many for chance
    up = (1 + abs(effect) / share) / 2
    found = stats.binom.sf(critical - 1, count, up) + stats.binom.cdf(count - critical, count, up)
    return float(chance @ np.where(critical > count, 0.0, found))


def power_of(effect: float, components: Components, *, n_units: int, n_seeds: int = 1, alpha: float = 0.05) -> float:
    """Return the probability that the two-sided test finds `effect` with that many units and seeds.

    Noncentral t with Satterthwaite's df, seeds crossed with units as in `crossed`; exact for one seed and normal
    differences. Sign flips are exact where few units differ. With `components.seed` None the claim is about checkpoints
    and `n_seeds` has no part.
    """
    if n_units < 2:
        return 0.0
    if components.moving is not None and components.moving * n_units < _FEW_MOVING:
        share = min(1.0, abs(effect) / components.size)
        return sign_flip_power(share, n_units=n_units, moving=components.moving, alpha=alpha)
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
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    found = float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))
    if np.isfinite(found):
        return found
    # scipy's noncentral t is NaN for large effects: a mean over its chi-square instead
    return float(np.mean(special.ndtr(shift - critical * np.sqrt(stats.chi2.ppf(_GRID, df) / df))))


def examples_needed(effect: float, components: Components, *, n_seeds: int = 1, alpha: float = 0.05) -> int | None:
    """Return the fewest units that find `effect` with probability POWER; None if none do, seeds being too few."""
    enough = POWER if components.moving is None else POWER - 0.005  # whole examples: 79.7 % is 80 % to the reader
    return _fewest(lambda n: power_of(effect, components, n_units=n, n_seeds=n_seeds, alpha=alpha), enough)


def seeds_needed(
    effect: float, components: Components, *, n_units: int, pilot: int | None = None, alpha: float = 0.05
) -> int | None:
    """Return the fewest seeds that find `effect`; None if none do, examples being too few or seeds not a sample.

    The variance of seeds was found with `pilot` seeds: power is averaged over what it may be (None: it is known).
    """
    if components.seed is None:
        return None
    each = [1.0] if pilot is None else ((pilot - 1) / stats.chi2.ppf(_PILOTS, pilot - 1)).tolist()
    possible = [
        replace(components, seed=components.seed * f, seed_example=(components.seed_example or 0.0) * f) for f in each
    ]
    return _fewest(
        lambda s: float(np.mean([power_of(effect, c, n_units=n_units, n_seeds=s, alpha=alpha) for c in possible]))
    )


def _fewest(reached: Callable[[int], float], enough: float = POWER) -> int | None:
    """Return the smallest count from 2 on that reaches `enough` power, found by doubling and halving."""
    high = 2
    while reached(high) < enough:
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= enough else (middle, high)
    return high
