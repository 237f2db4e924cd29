"""One task: a score with an interval for each entry, a difference with a test for each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.compare.aligned import Aligned
from harness.stats import (
    DrawSpread,
    Estimate,
    Interval,
    draw_spread,
    mean_estimates,
    minimum_detectable_effect,
    resample_correlations,
    sign_flip_test,
)
from harness.stats.influence import Kind

Columns = Mapping[int | None, int]  # seed -> column of Aligned
Pair = tuple[Columns, Columns]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was estimated of one score or one difference."""

    value: float
    interval: Interval | None = None
    spread: DrawSpread | None = None
    p: float | None = None
    mde: float | None = None
    method: str


def pair_seeds(first: Columns, second: Columns) -> Pair:
    """Keep the seeds both have; where one has no randomness, or they share none, keep all of each."""
    shared = set(first) & set(second) - {None}
    if None in first or None in second or not shared:
        return first, second
    return {s: c for s, c in first.items() if s in shared}, {s: c for s, c in second.items() if s in shared}


def estimate_task(
    data: Aligned,
    *,
    metric: str,
    entries: Sequence[Columns],
    pairs: Sequence[Pair],
    rng: np.random.Generator,
    resamples: int,
) -> tuple[list[Found], list[Found]]:
    """Estimate each entry (mean over its seeds) and each pair (first minus second), all on the same
    resamples.

    Seeds are averaged within each resample, so the same examples are drawn for every seed.
    """
    k = data.answer_nk.shape[1]
    of_entries = [_mean_of(columns, k) for columns in entries]
    of_pairs = [_mean_of(first, k) - _mean_of(second, k) for first, second in pairs]
    contrasts = np.array([*of_entries, *of_pairs])
    if metric == "v_measure":
        found = _clustering(data, contrasts)
    elif metric == "accuracy":
        found = _accuracy(data, contrasts, tested=len(pairs), rng=rng, resamples=resamples)
    else:
        found = _correlation(data, contrasts, kind=cast(Kind, metric), rng=rng, resamples=resamples)
    return found[: len(entries)], found[len(entries) :]


def _mean_of(columns: Columns, k: int) -> NDArray[np.float64]:
    weights = np.zeros(k)
    weights[list(columns.values())] = 1.0 / len(columns)
    return weights


def _accuracy(
    data: Aligned, contrasts: NDArray[np.float64], *, tested: int, rng: np.random.Generator, resamples: int
) -> list[Found]:
    # Thirds do not sum to one in floating point: unrounded, three equal seeds would differ from a fourth by 1e-17,
    # always to the same side, and a sign-flip test would call that significant.
    values = np.round(data.correct_nk @ contrasts.T, 12)  # (n, contrasts)
    # drawn first, and the same for each pair: no result depends on which other pairs are asked for
    flip_seed = int(rng.integers(1 << 62))
    estimates = mean_estimates(values, units=data.unit, weights=data.weight, rng=rng, resamples=resamples)
    found = [_found(e, p=None, test="") for e in estimates[: len(estimates) - tested]]
    for j in range(len(estimates) - tested, len(estimates)):
        flip = sign_flip_test(
            values[:, j],
            units=data.unit,
            weights=data.weight,
            rng=np.random.default_rng(flip_seed),
            resamples=resamples,
        )
        kind = "exact sign-flip permutation" if flip.exact else "sign-flip permutation"
        found.append(_found(estimates[j], p=flip.p if flip.n_units > 1 else None, test=kind))
    return found


def _correlation(
    data: Aligned, contrasts: NDArray[np.float64], *, kind: Kind, rng: np.random.Generator, resamples: int
) -> list[Found]:
    table = resample_correlations(
        data.gold, data.answer_nk, kind=kind, rng=rng, units=data.unit, blocks=data.trial, resamples=resamples
    )
    estimates = [table.estimate(contrast) for contrast in contrasts]
    return [_found(e, p=e.p, test="resampling of pairs") for e in estimates]


def _found(estimate: Estimate, *, p: float | None, test: str) -> Found:
    interval = f"{estimate.interval.method} interval" if estimate.interval else "no interval"
    return Found(
        value=estimate.value,
        interval=estimate.interval,
        p=p,
        mde=minimum_detectable_effect(estimate.se, df=estimate.df),
        method=f"{test}; {interval}" if test else interval,
    )


def _clustering(data: Aligned, contrasts: NDArray[np.float64]) -> list[Found]:
    from sklearn.metrics import v_measure_score

    draws = np.array(
        [
            [v_measure_score(data.gold[rows], data.answer_nk[rows, k]) for k in range(data.answer_nk.shape[1])]
            for rows in (data.trial == t for t in range(data.n_trials))
        ]
    )  # (trials, k)
    spreads = [draw_spread(draws @ contrast) for contrast in contrasts]
    text = f"descriptive: range over {data.n_trials} overlapping draws, no test"
    return [Found(value=spread.value, spread=spread, method=text) for spread in spreads]
