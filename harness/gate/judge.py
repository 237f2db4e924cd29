"""New outcomes against golden ones: what changed, and was anything lost? No model, no file, no store."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.aligned import align, explain_difference
from harness.errors import HarnessError
from harness.gate.declared import Gate
from harness.metrics import get_metric
from harness.outcomes import TaskKey
from harness.stats.equivalence import non_inferiority_test
from harness.stats.estimate import Interval
from harness.stats.families import holm

GateVerdict = Literal["identical", "held", "unclear", "loss"]
RESAMPLES = 2_000
_NOW, _GOLDEN = 0, 1


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One task of one row, now against the golden result; `difference` is now minus reference, in the score's unit.

    `p` is Holm-adjusted over all tasks and rows, and small where more than `margin` was lost in the direction that is
    worse for the metric. `verdict`: identical (no answer changed), held (shown not to be worse by the margin), unclear
    (neither shown), loss.
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
    verdict: GateVerdict


@dataclass(frozen=True, kw_only=True)
class Remeasured:
    """What is judged: outcomes of one task as measured now and in the golden results, with their scores."""

    row: str
    key: TaskKey
    now: pd.DataFrame
    reference: pd.DataFrame
    score_now: float
    score_reference: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The gate's answer: it passes unless something was lost."""

    tasks: tuple[Judged, ...]
    alpha: float

    @property
    def losses(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.tasks if each.verdict == "loss")


def judge(pairs: Sequence[Remeasured], gate: Gate, *, seed: int = 0) -> Judgement:
    """Test each pair for a loss beyond its metric's margin, family-wise over all pairs by Holm's method.

    The estimate is the one that a comparison makes of this metric. Where no answer changed there is nothing to test.
    A difference has no p value and counts as it stands where nothing of the metric is tested, or where it has no
    spread (every unit changed alike, or there is only one). Raises HarnessError for unequal
    examples, and for a metric without a margin or without a better direction.
    """
    made = [_compare(pair, gate.margin(pair.key.metric, pair.key.task), seed=seed) for pair in pairs]
    adjusted = holm([judged.p for judged, _ in made])
    return Judgement(
        tasks=tuple(
            replace(judged, p=p, verdict=_verdict(judged, p, not_worse, gate.alpha))
            for (judged, not_worse), p in zip(made, adjusted, strict=True)
        ),
        alpha=gate.alpha,
    )


def _verdict(judged: Judged, p: float | None, not_worse: float | None, alpha: float) -> GateVerdict:
    if judged.verdict == "identical":
        return "identical"
    if p is None or not_worse is None:
        return "loss" if get_metric(judged.key.metric).gain(judged.difference) < -judged.margin else "held"
    if p <= alpha:
        return "loss"
    return "held" if not_worse <= alpha else "unclear"


def _compare(pair: Remeasured, margin: float, *, seed: int) -> tuple[Judged, float | None]:
    """Return the comparison with its own p of a loss, and the p against "worse by the margin or more"."""
    metric = get_metric(pair.key.metric)
    rows = pd.concat([pair.now.assign(result=_NOW), pair.reference.assign(result=_GOLDEN)], ignore_index=True)
    groups = align(rows, metric=metric.name)
    if len(groups) != 1:
        why = explain_difference(pair.now, pair.reference)
        raise HarnessError(f"{pair.row}, {pair.key.task}: {why} of the two; renew the golden results with --update")
    (data,) = groups
    changed = int(np.count_nonzero(data.answer_nk[:, _NOW] != data.answer_nk[:, _GOLDEN]))
    judged = Judged(
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
        return judged, None
    rng = np.random.default_rng([seed, zlib.crc32(f"{pair.row}\0{pair.key.task}".encode())])
    found = metric.estimate_change(data, rng=rng, resamples=RESAMPLES)
    judged = replace(judged, interval=found.interval)
    if found.estimate is None:
        return judged, None
    gained = found.estimate if metric.improves(1.0) else found.estimate.reversed()
    not_worse, loss = non_inferiority_test(gained, margin=margin)
    return replace(judged, p=loss), not_worse
