"""What holds for every metric in the table: a loss is judged by its direction, and its answers can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.compare.aligned import align
from harness.compare.estimates import estimate_task
from harness.errors import HarnessError
from harness.gate.declared import Gate, declared_gate
from harness.gate.judge import Judged, Remeasured, judge
from harness.metrics import METRICS, get_metric, score_outcomes
from harness.metrics.f1 import write_set
from harness.outcomes import TaskKey, make_outcomes
from harness.reference.answers import pack, unpack
from tests.factory import rng_for

N, DRAWS = 200, 12
ORDERED = {"pearson", "spearman", "average_precision"}  # scores of an order; the others grow with each answer


def some(metrics: Iterable[str]) -> list[Any]:
    """The metrics as parameters. Of those that differ in their cut-off alone only `_at_10` is in the default set."""
    cut = re.compile(r"_at_(?!10$)\d+$")
    return [pytest.param(name, marks=[pytest.mark.slow] if cut.search(name) else []) for name in metrics]


def outcomes(metric: str, *, more: bool, system: str = "") -> pd.DataFrame:
    """Made-up answers whose score in `metric` is higher where `more`; the questions are the same for both."""
    world, own = rng_for("world"), rng_for(metric, more, system)
    trials = DRAWS if get_metric(metric).answers == "cluster" else 1
    n = N * trials
    trial = np.repeat(np.arange(trials), N)
    where = {"example_id": [f"{i}" for i in np.tile(np.arange(N), trials)], "trial": trial.astype(np.int32)}
    if get_metric(metric).answers == "score":
        gold = world.integers(0, 2, n).astype(float) if metric == "average_precision" else world.uniform(20, 200, n)
        noise, rate = own.normal(size=n), (0.8 if more else 0.4)
        said = gold + gold.std() * noise * (0.5 if more else 2.0) if metric in ORDERED else gold * rate * 1.1**noise
        return make_outcomes({**where, "gold_score": gold, "predicted_score": said}, n)
    labels = world.choice([*"abc"], n)
    wrong = own.choice([*"abc", "none of them"], n)
    said = np.where(own.random(n) < (0.8 if more else 0.5), labels, wrong)
    if metric in ("multilabel_f1", "span_f1"):
        labels, said = (np.array([write_set([label]) for label in each]) for each in (labels, said))
    return make_outcomes({**where, "gold_label": labels, "predicted_label": said}, n)


def judged(metric: str, now: pd.DataFrame, before: pd.DataFrame, *, margin: float) -> Judged:
    gate = Gate(alpha=0.05, margins={metric: margin}, variants=(), one_by_one=())
    scores = [score_outcomes(metric, rows) for rows in (now, before)]
    key = TaskKey(task="T", split="test", subset="default", revision="1", metric=metric)
    pair = Remeasured(row="v", key=key, now=now, reference=before, score_now=scores[0], score_reference=scores[1])
    return judge([pair], gate).tasks[0]


@pytest.mark.parametrize("metric", some(METRICS))
def test_a_loss_is_in_the_direction_that_is_worse(metric: str) -> None:
    more, less = (outcomes(metric, more=more) for more in (True, False))
    apart = score_outcomes(metric, more) - score_outcomes(metric, less)
    assert apart > 0
    if METRICS[metric].better == "neither":
        with pytest.raises(HarnessError, match=f"{metric} has no better direction, so it cannot have a loss"):
            judged(metric, more, less, margin=apart / 4)
        return
    better, worse = (more, less) if METRICS[metric].better == "higher" else (less, more)
    loss, gain = judged(metric, worse, better, margin=apart / 4), judged(metric, better, worse, margin=apart / 4)
    assert (loss.verdict, gain.verdict) == ("loss", "held")
    assert loss.difference == -gain.difference
    assert judged(metric, worse, better, margin=2 * apart).verdict == "held"
    if METRICS[metric].tested:
        assert loss.p is not None
        assert loss.p < 0.001
    elif METRICS[metric].change is None:  # nothing is tested: it counts as it stands
        assert loss.p is None


@pytest.mark.parametrize("metric", some(name for name, metric in METRICS.items() if metric.tested))
def test_the_gate_estimates_what_a_comparison_does(metric: str) -> None:
    rows = [outcomes(metric, more=more).assign(result=number) for number, more in enumerate((True, False))]
    (data,) = align(pd.concat(rows, ignore_index=True), metric=metric)
    table = METRICS[metric].contributions(data)
    asked = {"metric": METRICS[metric], "entries": [], "pairs": [({None: 0}, {None: 1})], "resamples": 200}
    _, (found,) = estimate_task(data, table, rng=np.random.default_rng(1), **asked)
    again = METRICS[metric].estimate_change(data, rng=np.random.default_rng(1), resamples=200)
    assert again == found
    assert found.estimate is not None
    assert found.value == pytest.approx(
        score_outcomes(metric, outcomes(metric, more=True)) - score_outcomes(metric, outcomes(metric, more=False)),
        abs=1e-4,  # mteb rounds scores of rankings
    )


def test_half_a_bit_lost_is_a_loss_at_the_declared_margin() -> None:
    ids, size = [f"{i}" for i in range(N)], rng_for("bytes").uniform(20, 200, N)
    noise = rng_for("noise").uniform(0.9, 1.1, N)
    low, high = (
        make_outcomes({"example_id": ids, "gold_score": size, "predicted_score": size * rate * noise}, N)
        for rate in (0.5, 0.75)
    )
    margin = declared_gate().margin("bits_per_byte")
    assert judged("bits_per_byte", high, low, margin=margin).verdict == "loss"
    assert judged("bits_per_byte", low, high, margin=margin).verdict == "held"


@pytest.mark.parametrize("metric", some(METRICS))
def test_answers_are_kept_and_come_back(metric: str) -> None:
    rows = outcomes(metric, more=True)
    again = unpack(pack(rows, metric=metric), outcomes(metric, more=False, system="another"), metric=metric)
    if METRICS[metric].answers != "score":
        pd.testing.assert_frame_equal(again, rows)
    gold, said = (frame["predicted_score"].to_numpy(float, na_value=0) for frame in (rows, again))
    np.testing.assert_allclose(said, gold, rtol=1e-6)
    assert score_outcomes(metric, again) == pytest.approx(score_outcomes(metric, rows), rel=1e-6)
    assert pack(again, metric=metric) == pack(rows, metric=metric)


@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if metric.answers == "label"])
def test_another_wrong_label_is_another_answer(metric: str) -> None:
    """Also where the gold standard has neither of the two; a cluster's name means nothing."""
    before = outcomes(metric, more=True)
    wrong = before["predicted_label"].str.contains("none of them")
    other = before["predicted_label"].str.replace("none of them", "nor these")
    now = before.assign(predicted_label=other)
    assert judged(metric, now, before, margin=0.1).changed == wrong.sum() > 0
    assert judged("v_measure", now, before, margin=0.1).verdict == "identical"


def test_a_metric_is_tested_where_it_says_how_it_splits() -> None:
    accuracy = get_metric("accuracy")
    assert accuracy.tested
    assert not replace(accuracy, split=None).tested
    tested = {name for name, metric in METRICS.items() if metric.tested and "_at_" not in name}
    assert tested == {"accuracy", "weighted_f1", "average_precision", "pearson", "spearman", "bits_per_byte",
                      "masked_accuracy"}  # fmt: skip
