"""One task: what the systems' answers add up to, and an estimate of each score and each difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from harness.compare.aligned import Aligned
from harness.metrics import get_metric
from harness.stats import (
    Contrast,
    Contributions,
    DrawSpread,
    Estimate,
    Interval,
    correlation_contributions,
    correlation_effects,
    draw_spread,
    fully_crossed,
    make_contrast,
    mean_contributions,
    mean_effects,
    mean_estimates,
    minimum_detectable_effect,
    smooth_effects,
)
from harness.stats.influence import Kind, Smooth

Columns = Mapping[int | None, int]  # seed -> column of a table
SEEDS_FOR_A_RECIPE = 5  # with fewer the variance of seeds is known too badly for a claim (harness calibrate)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was estimated of one score or one difference; `estimate` is None where nothing is tested."""

    value: float
    interval: Interval | None = None
    spread: DrawSpread | None = None
    p: float | None = None
    mde: float | None = None
    method: str
    estimate: Estimate | None = None


def claimed(contrast: Contrast) -> Contrast:
    """Return the contrast as far as a claim goes: seeds are a sample from five on, else these checkpoints stand."""
    return contrast if contrast.n_seeds >= SEEDS_FOR_A_RECIPE else contrast.fixed()


def contributions(data: Aligned, *, metric: str) -> Contributions | None:
    """Split each column's score over units; None for a metric in which nothing is tested.

    Where every unit is in every trial (classification on draws of training examples) the draw is a factor; folds are
    not one.
    """
    if not get_metric(metric).tested:
        return None
    match get_metric(metric).kind:
        case "accuracy":
            draws = data.trial if fully_crossed(data.unit, data.trial) else None
            return mean_contributions(data.correct_nk, units=data.unit, weights=data.weight, draws=draws)
        case "ratio":
            rate_nk, weight = _rates(data)
            return mean_contributions(rate_nk, units=data.unit, weights=weight)
        case "mean":
            return mean_contributions(data.answer_nk, units=data.unit, weights=data.weight)
        case "correlation" | "average_precision":
            smooth = cast(Smooth, metric)
            return correlation_contributions(data.gold, data.answer_nk, kind=smooth, units=data.unit, blocks=data.trial)
    return None


def estimate_task(
    data: Aligned,
    table: Contributions | None,
    *,
    metric: str,
    entries: Sequence[Columns],
    pairs: Sequence[tuple[Columns, Columns]],
    rng: np.random.Generator,
    resamples: int,
) -> tuple[list[Found], list[Found]]:
    """Estimate each entry (mean over its seeds) and each pair (first minus second), all on the same resamples.

    `table` is what `contributions` made of `data`. No result depends on which others are asked for.
    """
    k = data.answer_nk.shape[1]
    contrasts = [claimed(make_contrast(columns, columns=k)) for columns in entries]
    contrasts += [claimed(make_contrast(first, second, columns=k)) for first, second in pairs]
    weights = np.array([contrast.weight_k for contrast in contrasts]).reshape(len(contrasts), k)
    match get_metric(metric).kind:
        case "v_measure":
            found = _clustering(data, weights)
        case "log_ratio":
            found = _exponentials(data, weights, entries=len(entries), rng=rng, resamples=resamples)
        case "largest":
            values = data.answer_nk.max(axis=0)
            found = [Found(value=float(values @ weight), method="descriptive: no test") for weight in weights]
        case "macro_f1":
            found = [Found(value=float(value), method="descriptive: no test") for value in weights @ _macro_f1(data)]
        case "correlation":
            found = [
                _found(estimate)
                for estimate in correlation_effects(
                    data.gold,
                    data.answer_nk,
                    contrasts,
                    kind=cast(Kind, metric),
                    rng=rng,
                    units=data.unit,
                    blocks=data.trial,
                    resamples=resamples,
                )
            ]
        case "average_precision" if table is not None:
            found = [_found(e) for e in smooth_effects(table, contrasts)]
        case _ if table is not None:
            found = [_found(e) for e in mean_effects(table, contrasts, rng=rng, resamples=resamples)]
        case _:
            rate_nk, weight = _rates(data)
            means = mean_estimates(rate_nk @ weights.T, units=data.unit, weights=weight, rng=rng, resamples=resamples)
            found = [replace(_found(e), p=None, mde=None, estimate=None) for e in means]
    scores = [replace(each, p=None, method=_interval_words(each.interval)) for each in found[: len(entries)]]
    return scores, found[len(entries) :]


def _rates(data: Aligned) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each example's ratio (n, k) and its weight (n,), the denominator: their weighted mean is the ratio of sums.

    The denominators of two systems are equal, or they were not asked the same and are not compared.
    """
    trial_total = np.bincount(data.trial, weights=data.gold)[data.trial]
    weight = data.gold / (trial_total * data.n_trials)
    return data.answer_nk / data.gold[:, None], weight


def _exponentials(
    data: Aligned, weights: NDArray[np.float64], *, entries: int, rng: np.random.Generator, resamples: int
) -> list[Found]:
    """Perplexities, the first `entries` with intervals made on the log scale; differences are described only."""
    rate_nk, weight = _rates(data)
    values = np.exp(np.average(rate_nk, axis=0, weights=weight))
    found = [Found(value=float(values @ contrast), method="descriptive: no test") for contrast in weights]
    logs = mean_estimates(rate_nk @ weights[:entries].T, units=data.unit, weights=weight, rng=rng, resamples=resamples)
    for k, estimate in enumerate(logs):
        if estimate.interval is not None:
            ends = estimate.interval
            interval = replace(
                ends,
                low=float(np.exp(ends.low)),
                high=float(np.exp(ends.high)),
                method=f"{ends.method}, on the log scale",
            )
            found[k] = replace(found[k], interval=interval)
    return found


def _found(estimate: Estimate) -> Found:
    words = _interval_words(estimate.interval)
    return Found(
        value=estimate.value,
        interval=estimate.interval,
        p=estimate.p,
        mde=minimum_detectable_effect(estimate.se, df=estimate.df),
        method=f"{estimate.test}; {words}" if estimate.test else words,
        estimate=estimate,
    )


def _interval_words(interval: Interval | None) -> str:
    return f"{interval.method} interval" if interval else "no interval"


def _macro_f1(data: Aligned) -> NDArray[np.float64]:
    """Each column's macro F1 (k,), mean over trials; a code that the gold never has counts as a class, as in mteb."""
    from sklearn.metrics import f1_score

    trials = [data.trial == t for t in range(data.n_trials)]
    return np.array(
        [
            np.mean([f1_score(data.gold[rows], said[rows], average="macro", zero_division=0.0) for rows in trials])
            for said in data.answer_nk.T
        ]
    )


def _clustering(data: Aligned, weights: NDArray[np.float64]) -> list[Found]:
    from sklearn.metrics import v_measure_score

    draws = np.array(
        [
            [v_measure_score(data.gold[rows], data.answer_nk[rows, k]) for k in range(data.answer_nk.shape[1])]
            for rows in (data.trial == t for t in range(data.n_trials))
        ]
    )  # (trials, k)
    spreads = [draw_spread(draws @ weight) for weight in weights]
    text = f"descriptive: range over {data.n_trials} overlapping draws, no test"
    return [Found(value=spread.value, spread=spread, method=text) for spread in spreads]
