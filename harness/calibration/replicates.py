"""The methods run on simulated data: for each, p values and intervals of many replicates.

Every function calls what the product calls. Where the product tests many contrasts in one call, so do these,
with replicates as contrasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.calibration.hierarchical import hierarchical_interval
from harness.calibration.multibootstrap import multi_bootstrap
from harness.calibration.population import Sample
from harness.stats.across import across_tasks
from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import Contributions, correlation_contributions, mean_contributions
from harness.stats.effects import correlation_effects, crossed_effect, mean_effects
from harness.stats.estimate import Estimate
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t
from harness.stats.units import FloatArray

_BATCH = 100
DrawSample = Callable[[np.random.Generator], Sample]


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """p values (replicates,), NaN where not tested, and interval ends, NaN where there is none."""

    p: FloatArray
    low: FloatArray
    high: FloatArray
    estimates: tuple[Estimate, ...] = ()


def one_seed_means(draw: DrawSample, *, replicates: int, resamples: int, rng: np.random.Generator) -> Replicates:
    """Sign flips and bootstrap-t (`mean_effects`), the units of the sample as clusters."""
    found: list[Estimate] = []
    while len(found) < replicates:
        samples = [draw(rng) for _ in range(min(_BATCH, replicates - len(found)))]
        columns = np.stack([(s.first - s.second)[:, 0, 0] for s in samples], axis=1)
        table = mean_contributions(columns, units=samples[0].unit)
        each = [make_contrast({None: j}, columns=columns.shape[1]) for j in range(columns.shape[1])]
        found += mean_effects(table, each, rng=rng, resamples=resamples)
    return replicates_of(found)


def one_seed_correlations(draw: DrawSample, *, replicates: int, resamples: int, rng: np.random.Generator) -> Replicates:
    """Resampling of pairs with BCa (`correlation_effects`)."""
    pair = make_contrast({None: 0}, {None: 1}, columns=2)
    found = []
    for _ in range(replicates):
        s = draw(rng)
        both = np.concatenate([s.first[:, :, 0], s.second[:, :, 0]], axis=1)
        assert s.gold is not None
        found += correlation_effects(s.gold, both, [pair], kind="spearman", units=s.unit, rng=rng, resamples=resamples)
    return replicates_of(found)


def crossed_seeds(
    draw: DrawSample, *, paired: bool, replicates: int, resamples: int, rng: np.random.Generator
) -> Replicates:
    """Seeds (and draws) crossed with examples (`crossed_effect`); nothing is resampled."""
    found = []
    for _ in range(replicates):
        table, contrast = _crossed(draw(rng), paired=paired)
        found.append(crossed_effect(table, contrast))
    return replicates_of(found)


def naive_multi_bootstrap(
    draw: DrawSample, *, paired: bool, replicates: int, resamples: int, rng: np.random.Generator
) -> Replicates:
    """The published multi-bootstrap with percentile intervals."""
    p, low, high = (np.full(replicates, np.nan) for _ in range(3))
    for i in range(replicates):
        found = multi_bootstrap(*_crossed(draw(rng), paired=paired), rng=rng, resamples=resamples)
        p[i], low[i], high[i] = found.p, found.interval.low, found.interval.high
    return Replicates(p=p, low=low, high=high)


def over_tasks(
    draw: Callable[[np.random.Generator], FloatArray],
    *,
    replicates: int,
    resamples: int,
    rng: np.random.Generator,
) -> Replicates:
    """The mean over tasks (`across_tasks`); `draw` gives scores (tasks, 2, seeds)."""
    found = []
    for _ in range(replicates):
        scores = draw(rng)
        seeds = scores.shape[2]
        columns = scores.reshape(len(scores), -1)
        found.append(across_tasks(columns, pair_of(seeds, paired=True), rng=rng, resamples=resamples).raw)
    return replicates_of(found)


def hierarchical(
    draw: Callable[[np.random.Generator], Sequence[Sample]],
    *,
    replicates: int,
    resamples: int,
    rng: np.random.Generator,
) -> Replicates:
    """The hierarchical bootstrap-t over tasks, seeds and examples; intervals only."""
    low, high = (np.full(replicates, np.nan) for _ in range(2))
    for i in range(replicates):
        made = [_crossed(s, paired=True) for s in draw(rng)]
        found = hierarchical_interval([t for t, _ in made], made[0][1], rng=rng, resamples=resamples)
        if found is not None:
            low[i], high[i] = found.low, found.high
    return Replicates(p=np.full(replicates, np.nan), low=low, high=high)


def families(
    draw: Callable[[np.random.Generator], Sequence[JointTask]],
    *,
    replicates: int,
    resamples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Max-T over the contrasts of several tasks (`joint_statistics`, `max_t`): p (replicates, hypotheses)."""
    rows = []
    for _ in range(replicates):
        found = joint_statistics(draw(rng), rng=rng, resamples=resamples)
        rows.append([np.nan if p is None else p for p in max_t(found.observed, found.null)])
    return np.array(rows, dtype=np.float64)


def _crossed(s: Sample, *, paired: bool) -> tuple[Contributions, Contrast]:
    seeds, draws = s.first.shape[1:]
    both = np.concatenate([s.first, s.second], axis=1)
    contrast = pair_of(seeds, paired=paired)
    if s.gold is not None:
        return correlation_contributions(s.gold, both[:, :, 0], kind="spearman", units=s.unit), contrast
    rows = np.concatenate([both[:, :, d] for d in range(draws)])
    factor = np.repeat(np.arange(draws), len(both)) if draws > 1 else None
    return mean_contributions(rows, units=np.tile(s.unit, draws), draws=factor), contrast


def pair_of(seeds: int, *, paired: bool) -> Contrast:
    """Return first minus second where columns hold the seeds of the first, then those of the second."""
    first = {s: s for s in range(seeds)}
    second = {s if paired else seeds + s: seeds + s for s in range(seeds)}
    return make_contrast(first, second, columns=2 * seeds)


def replicates_of(found: Sequence[Estimate]) -> Replicates:
    """Collect the p values and intervals of estimates."""
    return Replicates(
        p=np.array([np.nan if e.p is None else e.p for e in found]),
        low=np.array([np.nan if e.interval is None else e.interval.low for e in found]),
        high=np.array([np.nan if e.interval is None else e.interval.high for e in found]),
        estimates=tuple(found),
    )
