"""New outcomes against reference ones: what moved, and was anything lost? No model, no file, no store."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.aligned import Aligned, align, explain_difference
from harness.errors import HarnessError
from harness.gate.declared import Gate
from harness.outcomes import TaskKey
from harness.stats import (
    Contrast,
    Estimate,
    Interval,
    correlation_effects,
    fully_crossed,
    holm,
    make_contrast,
    mean_contributions,
    mean_effects,
    non_inferiority_test,
)

Verdict = Literal["identical", "held", "unclear", "loss"]
RESAMPLES = 2_000
_ROUNDING = 1e-9
_NOW, _REFERENCE = 0, 1


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One task of one row, now against the reference; `difference` is now minus reference.

    `p` is Holm-adjusted over all tasks and rows and small where more than `margin` was lost. `verdict`: identical
    (no answer moved), held (shown not to be worse by the margin), unclear (neither shown), loss.
    """

    row: str
    key: TaskKey
    n_examples: int
    changed: int  # outcomes that are answered otherwise
    reference: float
    now: float
    difference: float
    interval: Interval | None
    margin: float
    p: float | None
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is judged: outcomes of one task now and in the reference, with their scores."""

    row: str
    key: TaskKey
    now: pd.DataFrame
    reference: pd.DataFrame
    score_now: float
    score_reference: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The gate's answer: it passes unless something was lost."""

    moved: tuple[Moved, ...]
    alpha: float

    @property
    def losses(self) -> tuple[Moved, ...]:
        """Tasks that are worse by more than their margin."""
        return tuple(each for each in self.moved if each.verdict == "loss")


def judge(pairs: Sequence[Pair], gate: Gate, *, seed: int = 0) -> Judgement:
    """Test each pair for a loss beyond its metric's margin, family-wise over all pairs by Holm's method.

    Where no answer moved there is nothing to test. A difference without spread (every unit moved alike, or fewer
    units than a bootstrap needs) has no p value and counts as it stands. Raises HarnessError for unequal examples.
    """
    made = [_compare(pair, gate.margin(pair.key.metric), seed=seed) for pair in pairs]
    adjusted = holm([moved.p for moved, _ in made])
    return Judgement(
        moved=tuple(
            replace(moved, p=p, verdict=_verdict(moved, p, not_worse, gate.alpha))
            for (moved, not_worse), p in zip(made, adjusted, strict=True)
        ),
        alpha=gate.alpha,
    )


def _verdict(moved: Moved, p: float | None, not_worse: float | None, alpha: float) -> Verdict:
    if moved.verdict == "identical":
        return "identical"
    if p is None or not_worse is None:
        return "loss" if moved.difference < -moved.margin else "held"
    if p <= alpha:
        return "loss"
    return "held" if not_worse <= alpha else "unclear"


def _compare(pair: Pair, margin: float, *, seed: int) -> tuple[Moved, float | None]:
    """Return the comparison with its own p of a loss, and the p against "worse by the margin or more"."""
    rows = pd.concat([pair.now.assign(result=_NOW), pair.reference.assign(result=_REFERENCE)], ignore_index=True)
    groups = align(rows, metric=pair.key.metric)
    if len(groups) != 1:
        why = explain_difference(pair.now, pair.reference)
        raise HarnessError(f"{pair.row}, {pair.key.task}: {why} of the two; renew the reference with --update")
    (data,) = groups
    changed = int(np.count_nonzero(data.answer_nk[:, _NOW] != data.answer_nk[:, _REFERENCE]))
    moved = Moved(
        row=pair.row,
        key=pair.key,
        n_examples=data.n_examples,
        changed=changed,
        reference=pair.score_reference,
        now=pair.score_now,
        difference=pair.score_now - pair.score_reference,
        interval=None,
        margin=margin,
        p=None,
        verdict="identical" if changed == 0 else "unclear",
    )
    if changed == 0:
        return moved, None
    rng = np.random.default_rng([seed, zlib.crc32(f"{pair.row}\0{pair.key.task}".encode())])
    found = estimate(data, metric=pair.key.metric, rng=rng)
    test = non_inferiority_test(found, margin=margin)
    return replace(moved, interval=found.interval, p=test.p_loss), test.p_not_worse


def estimate(data: Aligned, *, metric: str, rng: np.random.Generator) -> Estimate:
    """Estimate column 0 minus column 1 of `data`, both of them checkpoints as they are."""
    contrast = make_contrast({0: _NOW}, {0: _REFERENCE}, columns=2)
    if metric == "v_measure":
        return _clustering(data)
    if metric == "accuracy":
        return _accuracy(data, contrast, rng)
    kind: Literal["spearman", "pearson"] = "spearman" if metric == "spearman" else "pearson"
    (found,) = correlation_effects(
        data.gold, data.answer_nk, [contrast], kind=kind, rng=rng, units=data.unit, blocks=data.trial,
        resamples=RESAMPLES,
    )  # fmt: skip
    return found


def _accuracy(data: Aligned, contrast: Contrast, rng: np.random.Generator) -> Estimate:
    crossed = fully_crossed(data.unit, data.trial)
    table = mean_contributions(
        data.correct_nk, units=data.unit, weights=data.weight, draws=data.trial if crossed else None
    )
    (found,) = mean_effects(table, [contrast], rng=rng, resamples=RESAMPLES)
    return found


def _clustering(data: Aligned) -> Estimate:
    """The difference of V-measures, with the standard deviation over draws as its standard error.

    A draw of the suite takes as many documents as there are, with replacement: it is a bootstrap sample, and the
    spread of a statistic over bootstrap samples is its standard error. The clustering's own chance is in it once a
    draw, where the mean over draws has it only 1/draws: the error is too large rather than too small, and Student's
    t with draws - 1 degrees of freedom allows for its being estimated from few.
    """
    from scipy import stats
    from sklearn.metrics import v_measure_score

    draws = np.array(
        [
            [v_measure_score(data.gold[rows], data.answer_nk[rows, k]) for k in (_NOW, _REFERENCE)]
            for rows in (data.trial == t for t in range(data.n_trials))
        ]
    )
    difference = draws[:, _NOW] - draws[:, _REFERENCE]
    value, count = float(difference.mean()), len(difference)
    se = float(difference.std(ddof=1)) if count > 1 else 0.0
    none = Estimate(
        value=value, se=None, df=None, interval=None, p=None, n_examples=data.n_examples, n_units=data.n_units
    )
    if se <= _ROUNDING:
        return none
    half = float(stats.t.ppf(0.975, count - 1)) * se
    interval = Interval(low=value - half, high=value + half, level=0.95, method="spread over draws, Student's t")
    return replace(none, se=se, df=count - 1, interval=interval, n_draws=count)
