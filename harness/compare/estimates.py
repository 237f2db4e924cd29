"""One task: an estimate of each entry's score and of each pair's difference, by the estimator of its metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.metrics import Aligned, Asked, Found, Metric, interval_words
from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import Contributions

SeedColumns = Mapping[int | None, int]  # seed -> column of a table
SEEDS_FOR_A_RECIPE = 5  # with fewer the variance of seeds is known too badly for a claim (harness calibrate)


def claimed(contrast: Contrast) -> Contrast:
    """Return the contrast as far as a claim goes: seeds are a sample from five on, else these checkpoints stand."""
    return contrast if contrast.n_seeds >= SEEDS_FOR_A_RECIPE else contrast.fixed()


def estimate_task(
    data: Aligned,
    table: Contributions | None,
    *,
    metric: Metric,
    entries: Sequence[SeedColumns],
    pairs: Sequence[tuple[SeedColumns, SeedColumns]],
    rng: np.random.Generator,
    resamples: int,
) -> tuple[list[Found], list[Found]]:
    """Estimate each entry (mean over its seeds) and each pair (first minus second), all on the same resamples.

    `table` holds the metric's contributions of `data`. No result depends on which others are asked for.
    """
    k = data.answer_nk.shape[1]
    contrasts = [claimed(make_contrast(columns, columns=k)) for columns in entries]
    contrasts += [claimed(make_contrast(first, second, columns=k)) for first, second in pairs]
    found = metric.estimate(Asked(data=data, contrasts=contrasts, table=table, rng=rng, resamples=resamples))
    scores = [replace(each, p=None, method=interval_words(each.interval)) for each in found[: len(entries)]]
    return scores, found[len(entries) :]
