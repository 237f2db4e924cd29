"""The methods run on simulated data: for each, p values and intervals of many replicates.

Every function calls what the product calls. Where the product tests many contrasts in one call, so do these,
with replicates as contrasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.calibration.multibootstrap import multi_bootstrap
from harness.calibration.population import Sample
from harness.stats.across import across_tasks
from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import Contributions, correlation_contributions, mean_contributions
from harness.stats.effects import crossed_effect, mean_effects, smooth_effects
from harness.stats.estimate import Estimate
from harness.stats.units import FloatArray

_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """p values (replicates,), NaN where not tested, and interval ends, NaN where there is none."""

    p: FloatArray
    low: FloatArray
    high: FloatArray
    estimates: tuple[Estimate, ...]

    @classmethod
    def of(cls, found: Sequence[Estimate]) -> Replicates:
        """Collect the p values and intervals of estimates."""
        return cls(
            p=np.array([np.nan if e.p is None else e.p for e in found]),
            low=np.array([np.nan if e.interval is None else e.interval.low for e in found]),
            high=np.array([np.nan if e.interval is None else e.interval.high for e in found]),
            estimates=tuple(found),
        )


def each_alone(
    estimate: Callable[..., Estimate],
    draw: Callable[[np.random.Generator], Any],
    *,
    replicates: int,
    resamples: int,
    rng: np.random.Generator,
) -> Replicates:
    """Estimate each of `replicates` data sets by itself, by one of the functions below; `draw` makes a data set."""
    return Replicates.of([estimate(draw(rng), rng=rng, resamples=resamples) for _ in range(replicates)])


def one_seed_means(
    draw: Callable[[np.random.Generator], Sample], *, replicates: int, resamples: int, rng: np.random.Generator
) -> Replicates:
    """Sign flips and skewness-corrected t (`mean_effects`), the units of the sample as clusters."""
    found: list[Estimate] = []
    while len(found) < replicates:
        samples = [draw(rng) for _ in range(min(_BATCH, replicates - len(found)))]
        columns = np.stack([(s.first - s.second)[:, 0, 0] for s in samples], axis=1)
        table = mean_contributions(columns, units=samples[0].unit)
        each = [make_contrast({None: j}, columns=columns.shape[1]) for j in range(columns.shape[1])]
        found += mean_effects(table, each, rng=rng, resamples=resamples)
    return Replicates.of(found)


def one_seed_correlation(s: Sample, *, resamples: int, rng: np.random.Generator) -> Estimate:
    """Student's t on influence functions (`smooth_effects`)."""
    both = np.concatenate([s.first[:, :, 0], s.second[:, :, 0]], axis=1)
    assert s.gold is not None
    table = correlation_contributions(s.gold, both, kind="spearman", units=s.unit)
    [found] = smooth_effects(table, [make_contrast({None: 0}, {None: 1}, columns=2)])
    return found


def crossed_seeds(s: Sample, *, paired: bool, resamples: int, rng: np.random.Generator) -> Estimate:
    """Seeds (and draws) crossed with examples (`crossed_effect`); nothing is resampled."""
    return crossed_effect(*crossed(s, paired=paired))


def naive_multi_bootstrap(s: Sample, *, resamples: int, rng: np.random.Generator) -> Estimate:
    """The published multi-bootstrap with percentile intervals."""
    return multi_bootstrap(*crossed(s, paired=True), rng=rng, resamples=resamples)


def over_tasks(scores: FloatArray, *, resamples: int, rng: np.random.Generator) -> Estimate:
    """The mean over tasks (`across_tasks`) of scores (tasks, 2, seeds)."""
    columns = scores.reshape(len(scores), -1)
    return across_tasks(columns, pair_of(scores.shape[2], paired=True), rng=rng, resamples=resamples).raw


def crossed(s: Sample, *, paired: bool) -> tuple[Contributions, Contrast]:
    """Return the table of a sample and the contrast of its two systems, seeds paired or not."""
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
