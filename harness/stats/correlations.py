"""Spearman and Pearson correlations of several systems with one gold standard, resampled together.

Units of (gold, prediction) pairs are drawn with replacement, the same draw for every system, so that any
contrast of systems (a difference, a mean over seeds) is a contrast of the columns of one table of replicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import HarnessError
from harness.stats.bca import bca
from harness.stats.contributions import correlation_contributions
from harness.stats.estimate import Estimate
from harness.stats.influence import Kind
from harness.stats.midranks import Presorted, presort
from harness.stats.units import (
    MIN_UNITS,
    FloatArray,
    bootstrap_counts,
    finite,
    partition,
)

_Correlate = Callable[[FloatArray], FloatArray]  # weights (n, resamples) -> correlations (resamples, k)


@dataclass(frozen=True, kw_only=True)
class CorrelationResamples:
    """Correlations: `observed` (k,), bootstrap `replicates` (B, k), infinitesimal `jackknife` (units, k):
    the first-order value without each unit, which is all that BCa's acceleration needs."""

    observed: FloatArray
    replicates: FloatArray
    jackknife: FloatArray
    n_examples: int
    n_units: int

    def estimate(self, contrast_k: ArrayLike, *, level: float = 0.95) -> Estimate:
        """Estimate sum(contrast × correlation): weights 1/s on a variant's s seeds, minus 1/s on another's.

        Interval and p are BCa, the standard error is that of the bootstrap. With fewer than 5 units, or where
        more than 1 % of the resamples have a constant column, nothing but the value is given.
        """
        contrast = finite(contrast_k, what="contrast weights")
        used = contrast != 0
        value = float(self.observed[used] @ contrast[used])
        draws = self.replicates[:, used] @ contrast[used]
        draws = draws[np.isfinite(draws)]
        left_out = self.jackknife[:, used] @ contrast[used]
        usable = self.n_units >= MIN_UNITS and len(draws) >= 0.99 * len(self.replicates)
        interval = p = se = None
        if usable and np.isfinite(left_out).all():
            interval, p = bca(value, replicates=draws, jackknife=left_out, level=level)
            se = float(draws.std(ddof=1)) if interval is not None else None
        return Estimate(
            value=value, se=se, df=None, interval=interval, p=p, n_examples=self.n_examples,
            n_units=self.n_units
        )  # fmt: skip


def resample_correlations(
    gold: ArrayLike,
    predicted_nk: ArrayLike,
    *,
    kind: Kind,
    rng: np.random.Generator,
    units: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    resamples: int = 10_000,
) -> CorrelationResamples:
    """Correlate `gold` (n,) with each column of `predicted_nk` (n, k), in the data and in resamples of units.

    `blocks` (n,) splits the rows into trials (folds): the statistic is the mean over blocks of the
    correlation within the block. Raises HarnessError for a constant column, a value that is not finite,
    unequal lengths.
    """
    truth = finite(gold, what="gold scores")
    predicted = finite(predicted_nk, what="predicted scores")
    if predicted.ndim != 2 or predicted.shape[0] != len(truth):
        raise HarnessError(f"{len(truth)} gold scores need as many predicted ones, got {predicted.shape[0]}")
    parts = partition(len(truth), units)
    trial = partition(len(truth), np.zeros(len(truth)) if blocks is None else blocks)
    prepare = _spearman if kind == "spearman" else _pearson
    pieces: list[tuple[NDArray[np.intp], _Correlate]] = []
    for block in range(trial.count):
        members = np.flatnonzero(trial.code == block)
        pieces.append((parts.code[members], prepare(truth[members], predicted[members])))

    def statistic(counts: FloatArray) -> FloatArray:
        return np.mean([correlate(counts[code]) for code, correlate in pieces], axis=0)

    observed = statistic(np.ones((parts.count, 1)))[0]
    if not np.isfinite(observed).all():
        raise HarnessError(f"{kind} is not defined: the gold scores or the predicted ones are constant")
    pulls = correlation_contributions(truth, predicted, kind=kind, units=parts.code, blocks=trial.code)
    replicates = np.empty((resamples, predicted.shape[1]))
    for rows, counts in bootstrap_counts(parts.count, resamples=resamples, rng=rng):
        replicates[rows] = statistic(counts)
    return CorrelationResamples(
        observed=observed,
        replicates=replicates,
        jackknife=observed - pulls.centred[:, :, 0],
        n_examples=len(truth),
        n_units=parts.count,
    )


def _spearman(gold: FloatArray, predicted_nk: FloatArray) -> _Correlate:
    truth = presort(gold)
    columns = [presort(column) for column in predicted_nk.T]

    def correlate(weight_nb: FloatArray) -> FloatArray:
        total = weight_nb.sum(axis=0)
        middle = (total + 1) / 2  # the mean rank, with or without ties
        copies = truth.group_sums(weight_nb)
        centred = truth.mid_ranks(copies) - middle
        truth_ss = np.einsum("gb,gb,gb->b", copies, centred, centred)
        weighted_nb = weight_nb * centred[truth.group]
        return np.stack([_rank_correlation(c, weight_nb, weighted_nb, truth_ss, middle) for c in columns], axis=1)

    return correlate


def _rank_correlation(
    column: Presorted,
    weight_nb: FloatArray,
    weighted_nb: FloatArray,
    truth_ss: FloatArray,
    middle: FloatArray,
) -> FloatArray:
    copies = column.group_sums(weight_nb)
    centred = column.mid_ranks(copies) - middle
    cross = np.einsum("gb,gb->b", centred, column.group_sums(weighted_nb))
    column_ss = np.einsum("gb,gb,gb->b", copies, centred, centred)
    return _ratio(cross, truth_ss, column_ss)


def _pearson(gold: FloatArray, predicted_nk: FloatArray) -> _Correlate:
    # Centring first keeps the one-pass formula for the sums of squares from cancelling.
    truth, columns = gold - gold.mean(), predicted_nk - predicted_nk.mean(axis=0)

    def correlate(weight_nb: FloatArray) -> FloatArray:
        total = weight_nb.sum(axis=0)[:, None]
        truth_sum = (weight_nb.T @ truth)[:, None]
        column_sum = weight_nb.T @ columns
        cross = weight_nb.T @ (columns * truth[:, None]) - truth_sum * column_sum / total
        truth_ss = (weight_nb.T @ truth**2)[:, None] - truth_sum**2 / total
        column_ss = weight_nb.T @ columns**2 - column_sum**2 / total
        scale_t, scale_c = float(truth @ truth), (columns**2).sum(axis=0)
        return _ratio(cross, _zero_small(truth_ss, scale_t), _zero_small(column_ss, scale_c))

    return correlate


def _zero_small(values: FloatArray, scale: float | FloatArray) -> FloatArray:
    """Set to 0 what is 0 but for rounding, relative to the sum of squares of the data."""
    return np.where(values > 1e-12 * np.asarray(scale), values, 0.0)


def _ratio(cross: FloatArray, first_ss: FloatArray, second_ss: FloatArray) -> FloatArray:
    """Return cross / sqrt(first × second), NaN where a side has no spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(first_ss * second_ss)
        return np.where(scale > 0, cross / scale, np.nan)
