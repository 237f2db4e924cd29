"""Spearman and Pearson correlations of several systems with one gold standard, resampled together.

Units of (gold, prediction) pairs are drawn with replacement, the same draw for every system, so that any
contrast of systems (a difference, a mean over seeds) is a contrast of the columns of one table of replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.bca import bca
from harness.stats.contributions import correlation_contributions
from harness.stats.estimate import Estimate
from harness.stats.influence import Correlation
from harness.stats.midranks import IntArray, Presorted, presort, sum_cubes
from harness.stats.units import MIN_UNITS, FloatArray, bootstrap_counts, finite, partition

_CELLS_AT_ONCE = 1 << 17  # examples × resamples whose ranks fit into the cache of a core
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
    kind: Correlation,
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
    pulls = correlation_contributions(gold, predicted_nk, kind=kind, units=units, blocks=blocks)  # checks all of them
    truth, predicted = (np.asarray(values, dtype=np.float64) for values in (gold, predicted_nk))
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
    replicates = np.empty((resamples, predicted.shape[1]))
    for rows, counts in bootstrap_counts(parts.count, resamples=resamples, rng=rng):
        replicates[rows] = statistic(counts)
    return CorrelationResamples(
        observed=observed, replicates=replicates, jackknife=observed - pulls.centred[:, :, 0],
        n_examples=len(truth), n_units=parts.count,
    )  # fmt: skip


def _spearman(gold: FloatArray, predicted_nk: FloatArray) -> _Correlate:
    truth = presort(gold)
    columns = [presort(column) for column in predicted_nk.T]
    few = max(1, _CELLS_AT_ONCE // len(gold))

    def correlate(weight_nb: FloatArray) -> FloatArray:
        starts = range(0, weight_nb.shape[1], few)
        pieces = [np.ascontiguousarray(weight_nb[:, at : at + few].T, dtype=np.int32) for at in starts]
        return np.concatenate([_rank_correlations(truth, columns, piece) for piece in pieces])

    return correlate


def _rank_correlations(truth: Presorted, columns: Sequence[Presorted], copies_bn: IntArray) -> FloatArray:
    """Spearman's coefficients (b, k) of resamples that hold each example `copies_bn` times.

    Up to the quotient the numbers are integers, or quarters of them, below 2^53: exact, whatever the order of the sums.
    """
    cubes = sum_cubes(copies_bn)
    sums = truth.cumulate(copies_bn)
    truth_ss = truth.spread(sums, copies_bn, cubes)
    # twice the centred rank: the mean of all is (N + 1) / 2, with or without ties
    pull_bn = copies_bn * (truth.doubled_ranks(sums, copies_bn) - sums[:, -1:]).astype(np.float64)
    found = np.empty((len(copies_bn), len(columns)))
    for k, column in enumerate(columns):
        sums = column.cumulate(copies_bn)
        ranks = column.doubled_ranks(sums, copies_bn).astype(np.float64)
        cross = np.vecdot(ranks, pull_bn) / 4  # pull sums to 0, so these ranks need no centring
        found[:, k] = _ratio(cross, truth_ss, column.spread(sums, copies_bn, cubes))
    return found


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
