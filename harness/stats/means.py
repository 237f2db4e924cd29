"""Weighted means of per-example values, and differences of them, with cluster-robust studentised intervals.

The mean m = sum(w v) / sum(w) is a ratio of unit totals. Its standard error is cluster-robust with the
small-sample factor G/(G-1) (Cameron and Miller 2015, J. Human Resources 50(2), eq. 11-12, intercept only),
its interval the bootstrap-t over units (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch.
12.5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.stats.contributions import mean_contributions
from harness.stats.estimate import LEVEL, Estimate, Interval
from harness.stats.units import MIN_UNITS, FloatArray, bootstrap_counts

# Resamples without spread have no t value. Where they are more than this share, Student's t stands in.
_MAX_DEGENERATE = 0.001


def mean_estimates(
    values_nk: ArrayLike,
    *,
    units: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> list[Estimate]:
    """Estimate the weighted mean of each column of `values_nk` (n, k), all on the same resamples.

    For a comparison pass the per-example differences. `units` (n,) as in `partition`, `weights` (n,)
    positive. Without spread, or with one unit, `se` and `interval` are None.
    """
    table = mean_contributions(values_nk, units=units, weights=weights)
    part, share = table.part_ukd[:, :, 0], table.share_ud[:, 0]
    return mean_estimates_of(part, share, n_examples=table.n_examples, rng=rng, resamples=resamples)


def mean_estimates_of(
    part_uk: FloatArray, share_u: FloatArray, *, n_examples: int, rng: np.random.Generator, resamples: int = 10_000
) -> list[Estimate]:
    """Estimate each column's sum over units; `part_uk` (units, k) and `share_u` (units,) as in Contributions."""
    count, k = part_uk.shape
    mean = part_uk.sum(axis=0)
    residual = part_uk - mean * share_u[:, None]
    se = np.sqrt((residual**2).sum(axis=0) * count / (count - 1)) if count > 1 else np.zeros(k)
    moving = se > 1e-12
    intervals: list[Interval | None] = [None] * k
    if moving.any():
        found = _bootstrap_t(part_uk[:, moving], share_u, mean[moving], se[moving], rng=rng, resamples=resamples)
        for j, interval in zip(np.flatnonzero(moving), found, strict=True):
            intervals[j] = interval
    return [
        Estimate(
            value=float(mean[j]), se=float(se[j]) if moving[j] else None, df=count - 1 if moving[j] else None,
            interval=intervals[j], p=None, n_examples=n_examples, n_units=count,
        )
        for j in range(k)
    ]  # fmt: skip


def _bootstrap_t(
    total: FloatArray, share: FloatArray, mean: FloatArray, se: FloatArray, *, rng: np.random.Generator, resamples: int
) -> list[Interval]:
    """Return the interval of each column; total (units, k), share (units,), mean and se (k,)."""
    count, k = total.shape
    tail = (1 - LEVEL) / 2
    student = stats.t.ppf(1 - tail, count - 1)
    plain = [
        Interval(low=float(m - student * s), high=float(m + student * s), method="Student's t")
        for m, s in zip(mean, se, strict=True)
    ]
    if count < MIN_UNITS:
        return plain
    # sum c (z - m* w)^2 expands into three products of the counts, so no resample is ever made explicitly
    products = np.concatenate([total, total**2, total * share[:, None], share[:, None], share[:, None] ** 2], axis=1)
    t = np.full((resamples, k), np.nan)
    for rows, counts in bootstrap_counts(count, resamples=resamples, rng=rng):
        sums = counts.T @ products
        z, zz, zw, w, ww = np.split(sums, [k, 2 * k, 3 * k, 3 * k + 1], axis=1)
        star = z / w
        variance = (zz - 2 * star * zw + star**2 * ww) / w**2 * count / (count - 1)
        degenerate = variance < 1e-12 * se**2
        with np.errstate(divide="ignore", invalid="ignore"):
            t[rows] = np.where(degenerate, np.nan, (star - mean) / np.sqrt(variance))
    intervals = []
    for j in range(k):
        usable = t[:, j][np.isfinite(t[:, j])]
        if len(usable) < resamples * (1 - _MAX_DEGENERATE):
            intervals.append(plain[j])
            continue
        low_t, high_t = np.quantile(usable, [tail, 1 - tail])
        intervals.append(
            Interval(low=float(mean[j] - high_t * se[j]), high=float(mean[j] - low_t * se[j]), method="bootstrap-t")
        )
    return intervals
