"""One task: each contrast's value, interval and test, by the method that its design asks for.

Checkpoints (one seed, one draw): means by sign flips and by Student's t freed of the units' skewness, correlations and
average precisions by Student's t on influence functions (resampled intervals err more there, see docs/decisions.md).
Several seeds or draws: the crossed layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import Contributions, mean_contributions
from harness.stats.crossed import CrossedLayout, Spread, spread
from harness.stats.estimate import LEVEL, Components, Estimate, Interval, Over
from harness.stats.signflip import sign_flip_tests
from harness.stats.skewed import SkewedT
from harness.stats.units import FloatArray, degrees_of_freedom

_NOTHING = 1e-10  # a difference below this share of a unit's weight is rounding
_MANY_MOVING = 30  # units that differ: with fewer the exact test is coarse, whatever their sizes
_LEAST_APART = 20  # examples outside the largest group of ties, or half of all: with fewer the t test of ranks errs


def mean_effects(
    table: Contributions, contrasts: Sequence[Contrast], *, rng: np.random.Generator, resamples: int = 10_000
) -> list[Estimate]:
    """Estimate and test contrasts of means; a contrast's result depends on no other.

    p is the larger of that of the sign flips, exact where a unit's sign is all that chance decides, and that of the t
    test, which also holds where the units are skewed. Where p is above 5 % the interval holds 0.
    """
    found = [crossed_effect(table, contrast) for contrast in contrasts]
    simple = [i for i, c in enumerate(contrasts) if not _factors(table, c)]
    if simple and table.n_units > 1:
        part = np.stack([contrast_parts(table, contrasts[i]) for i in simple], axis=1)
        tests = sign_flip_tests(part, rng=rng.spawn(1)[0], resamples=resamples)
        for i, test in zip(simple, tests, strict=True):
            own, ends = found[i].p, found[i].interval
            p = test.p if own is None else max(test.p, own)
            if ends is not None and p > 1 - LEVEL:
                ends = replace(ends, low=min(ends.low, 0.0), high=max(ends.high, 0.0))
            name = "exact sign-flip permutation" if test.exact else "sign-flip permutation"
            found[i] = replace(found[i], p=p, interval=ends, test=f"{name} and t")
    return found


def mean_estimates(
    values_nk: ArrayLike, *, units: ArrayLike | None = None, weights: ArrayLike | None = None
) -> list[Estimate]:
    """Estimate the weighted mean of each column of `values_nk` (n, k); arguments as in `mean_contributions`."""
    table = mean_contributions(values_nk, units=units, weights=weights)
    columns = table.value_kd.shape[0]
    return [crossed_effect(table, make_contrast({None: j}, columns=columns)) for j in range(columns)]


def smooth_effects(table: Contributions, contrasts: Sequence[Contrast]) -> list[Estimate]:
    """Estimate and test contrasts of scores that are sums over units to first order, by Student's t on those sums."""
    return [crossed_effect(table, contrast) for contrast in contrasts]


def crossed_effect(table: Contributions, contrast: Contrast) -> Estimate:
    """Estimate a contrast with its seeds and draws as samples: Student's t on Satterthwaite's df.

    Where a group has a single seed the seeds' variance cannot be estimated: the estimate is then over these
    checkpoints, and `over` says so.
    """
    value = float(table.value_kd.mean(axis=1) @ contrast.weight_k)
    over: Over = "seeds" if contrast.seeds_vary else "checkpoints"
    none = Estimate(
        value=value, se=None, df=None, interval=None, p=None, n_examples=table.n_examples, n_units=table.n_units,
        n_seeds=contrast.n_seeds, n_draws=table.n_draws, over=over, test="crossed t",
    )  # fmt: skip
    least = min(_LEAST_APART, table.n_examples / 2)
    if table.n_units < 2 or (table.apart_k[contrast.weight_k != 0] < least).any():
        return none
    if not _factors(table, contrast):
        return _of_checkpoints(none, table, contrast)
    plan = contrast if contrast.seeds_vary else contrast.fixed()
    found = spread(layouts(table, plan), seeds_vary=contrast.seeds_vary)
    variance = float(found.variance)
    if variance <= 1e-24:
        return none
    return _student(
        none, se=float(np.sqrt(variance)), df=float(found.df), components=_components(found, table, contrast)
    )


def _of_checkpoints(none: Estimate, table: Contributions, contrast: Contrast) -> Estimate:
    """Estimate a contrast of one draw with its checkpoints as they are."""
    count, part, share = table.n_units, contrast_parts(table, contrast), table.share_ud[:, 0]
    variance = float(((part - none.value * share) ** 2).sum()) * count / (count - 1)
    moving = np.abs(part[part != 0]) if table.skewed else None
    if moving is not None and len(moving) >= _MANY_MOVING and np.ptp(moving) > 1e-9 * moving.max():
        moving = None  # so many, and of many sizes, are not counted but summed
    parts = Components(
        example=variance * count,
        moving=None if moving is None else len(moving) / count,
        size=1.0 if moving is None or not len(moving) else float(np.sqrt(np.mean(moving**2))) * count,
    )
    shape = SkewedT.of(part, share) if table.skewed else None
    df = degrees_of_freedom(share)
    if variance <= 1e-24 or (table.skewed and shape is None):
        unmoved = moving is not None and not len(moving)
        return replace(none, value=0.0, components=parts) if unmoved else none
    if shape is None:
        test = "t on influence functions" if table.smooth else none.test
        return _student(replace(none, test=test), se=float(np.sqrt(variance)), df=df, components=parts)
    return replace(
        none, se=float(np.sqrt(variance)), df=df, interval=shape.interval, p=shape.p, components=parts,
        shape=shape, test="skewness-corrected t",
    )  # fmt: skip


def _student(none: Estimate, *, se: float, df: float, components: Components) -> Estimate:
    half = float(special.stdtrit(df, (1 + LEVEL) / 2)) * se
    method = "Student's t" if none.n_draws == 1 and none.over == "checkpoints" else "Student's t, Satterthwaite df"
    return replace(
        none, se=se, df=df, components=components, p=float(2 * special.stdtr(df, -abs(none.value) / se)),
        interval=Interval(low=none.value - half, high=none.value + half, method=method),
    )  # fmt: skip


def example_sd(table: Contributions, contrast: Contrast) -> float:
    """Return the standard deviation of one example's difference between two checkpoints, one of each side."""
    rows = contrast.pairs_sk
    return float(np.sqrt(max(0.0, np.mean(((rows @ table.example_kk) * rows).sum(axis=1)))))


def layouts(table: Contributions, contrast: Contrast) -> list[CrossedLayout]:
    """Return each group's scores (seeds, draws) and centred parts (units, seeds, draws) in this contrast."""
    centred = table.centred
    made = []
    for group in contrast.groups:
        used = np.flatnonzero((group.weight_sk != 0).any(axis=0))
        weight = group.weight_sk[:, used]
        made.append(
            CrossedLayout(
                value_sd=weight @ table.value_kd[used],
                part_usd=np.einsum("sk,ukd->usd", weight, centred[:, used, :], optimize=True),
            )
        )
    return made


def contrast_parts(table: Contributions, contrast: Contrast) -> FloatArray:
    """Return what each unit adds to a contrast of checkpoints in one draw (units,), rounding noise set to 0."""
    used = np.flatnonzero(contrast.weight_k)
    part: FloatArray = table.part_ukd[:, used, 0] @ contrast.weight_k[used]
    part[np.abs(part) <= _NOTHING * table.share_ud[:, 0]] = 0.0
    return part


def _factors(table: Contributions, contrast: Contrast) -> bool:
    return contrast.seeds_vary or table.n_draws > 1


def _components(found: Spread, table: Contributions, contrast: Contrast) -> Components:
    example = float(found.examples) * table.n_units
    if not contrast.seeds_vary:
        return Components(example=example, draw=float(found.draws))
    seeds = contrast.n_seeds
    crossed = max(0.0, float(found.interaction))
    return Components(
        example=example,
        seed=max(0.0, float(np.sum(found.seeds)) - crossed) * seeds,
        seed_example=crossed * seeds * table.n_units,
        draw=float(found.draws),
    )
