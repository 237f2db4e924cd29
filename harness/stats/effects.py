"""One task: each contrast's value, interval and test, by the method that its design asks for.

Checkpoints (one seed, one draw): means by sign flips with a bootstrap-t interval, correlations by resampling
pairs with a BCa interval and the p that agrees with it, average precisions by Student's t on influence functions
(BCa errs twice as often there, see docs/decisions.md). Several seeds or draws: the crossed layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions, correlation_contributions
from harness.stats.correlations import resample_correlations
from harness.stats.crossed import CrossedLayout, Spread, spread
from harness.stats.estimate import LEVEL, Components, Estimate, Interval, Over
from harness.stats.influence import Correlation
from harness.stats.means import mean_estimates_of
from harness.stats.signflip import sign_flip_tests
from harness.stats.units import FloatArray

_NOTHING = 1e-10  # a difference below this share of a unit's weight is rounding


def mean_effects(
    table: Contributions, contrasts: Sequence[Contrast], *, rng: np.random.Generator, resamples: int = 10_000
) -> list[Estimate]:
    """Estimate and test contrasts of means, all on the same resamples; a contrast's result depends on no other."""
    simple = [i for i, c in enumerate(contrasts) if not _factors(table, c)]
    found = {i: crossed_effect(table, c) for i, c in enumerate(contrasts) if i not in simple}
    if simple:
        part = np.stack([contrast_parts(table, contrasts[i]) for i in simple], axis=1)
        flips, boots = rng.spawn(2)
        estimates = mean_estimates_of(
            part, table.share_ud[:, 0], n_examples=table.n_examples, rng=boots, resamples=resamples
        )
        tests = sign_flip_tests(part, rng=flips, resamples=resamples)
        for i, estimate, test in zip(simple, estimates, tests, strict=True):
            name = "exact sign-flip permutation" if test.exact else "sign-flip permutation"
            p = test.p if table.n_units > 1 else None
            found[i] = replace(_of_checkpoints(estimate, table, contrasts[i], test=name), p=p)
    return [found[i] for i in range(len(contrasts))]


def correlation_effects(
    gold: ArrayLike,
    predicted_nk: ArrayLike,
    contrasts: Sequence[Contrast],
    *,
    kind: Correlation,
    rng: np.random.Generator,
    units: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    resamples: int = 10_000,
) -> list[Estimate]:
    """Estimate and test contrasts of correlations with `gold` (n,); arguments as in `resample_correlations`."""
    table = correlation_contributions(gold, predicted_nk, kind=kind, units=units, blocks=blocks)
    simple = [i for i, c in enumerate(contrasts) if not _factors(table, c)]
    found = {i: crossed_effect(table, c) for i, c in enumerate(contrasts) if i not in simple}
    if simple:
        # resampling costs by the column: only those that are asked for
        weight = np.array([contrasts[i].weight_k for i in simple])
        used = np.flatnonzero((weight != 0).any(axis=0))
        drawn = resample_correlations(
            gold, np.asarray(predicted_nk, dtype=np.float64)[:, used], kind=kind, rng=rng, units=units, blocks=blocks,
            resamples=resamples,
        )  # fmt: skip
        for i, w in zip(simple, weight, strict=True):
            found[i] = _of_checkpoints(drawn.estimate(w[used]), table, contrasts[i], test="resampling of pairs")
    return [found[i] for i in range(len(contrasts))]


def smooth_effects(table: Contributions, contrasts: Sequence[Contrast]) -> list[Estimate]:
    """Estimate and test contrasts of scores that are sums over units to first order, by Student's t on those sums."""
    found = [crossed_effect(table, contrast) for contrast in contrasts]
    return [
        e if _factors(table, c) else replace(e, test="t on influence functions")
        for e, c in zip(found, contrasts, strict=True)
    ]


def crossed_effect(table: Contributions, contrast: Contrast) -> Estimate:
    """Estimate a contrast with its seeds and draws as samples: Student's t on Satterthwaite's df.

    Where a group has a single seed the seeds' variance cannot be estimated: the estimate is then over these
    checkpoints, and `over` says so.
    """
    plan = contrast if contrast.seeds_vary else contrast.fixed()
    value = float(table.value_kd.mean(axis=1) @ contrast.weight_k)
    over: Over = "seeds" if contrast.seeds_vary else "checkpoints"
    none = Estimate(
        value=value, se=None, df=None, interval=None, p=None, n_examples=table.n_examples, n_units=table.n_units,
        n_seeds=contrast.n_seeds, n_draws=table.n_draws, over=over, test="crossed t",
    )  # fmt: skip
    if table.n_units < 2:
        return none
    found = spread(layouts(table, plan), seeds_vary=contrast.seeds_vary)
    variance = float(found.variance)
    if variance <= 1e-24:
        return none
    se, df = float(np.sqrt(variance)), float(found.df)
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * se
    return replace(
        none,
        se=se,
        df=df,
        interval=Interval(low=value - half, high=value + half, method="Student's t, Satterthwaite df"),
        p=float(2 * stats.t.sf(abs(value) / se, df)),
        components=_components(found, table, contrast),
    )


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


def _of_checkpoints(estimate: Estimate, table: Contributions, contrast: Contrast, *, test: str) -> Estimate:
    parts = None if estimate.se is None else Components(example=estimate.se**2 * table.n_units)
    return replace(estimate, n_seeds=contrast.n_seeds, test=test, components=parts)


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
