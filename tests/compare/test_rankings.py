"""Metrics of rankings: a mean over queries is flipped, an average precision goes by its influence function."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.compare import compare
from harness.compare.wording import sentence
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.records import Run, System
from harness.store import Store
from tests.factory import PROOF, rng_for

METRICS = {"ndcg_at_10": "Retrieval", "average_precision": "PairClassification", "macro_f1": "Classification"}


def outcomes(metric: str, *, skill: float) -> pd.DataFrame:
    world, noise = rng_for("world", metric), rng_for(metric, skill)
    ids = [f"{i}" for i in range(300)]
    if metric == "ndcg_at_10":
        value = np.clip(skill + 0.2 * world.normal(size=300) + 0.1 * noise.normal(size=300), 0, 1)
        return make_outcomes({"example_id": ids, "gold_score": [1.0] * 300, "predicted_score": value}, 300)
    gold = world.integers(0, 2, 300)
    said = skill * gold + 0.3 * world.normal(size=300) + 0.2 * noise.normal(size=300)
    if metric == "average_precision":
        columns = {"example_id": ids, "unit": [f"{i // 2}" for i in range(300)], "gold_score": gold.astype(float)}
        return make_outcomes({**columns, "predicted_score": said}, 300)
    labels = {"gold_label": gold.astype(str), "predicted_label": (said > 0.5).astype(int).astype(str)}
    return make_outcomes({"example_id": ids, **labels}, 300)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("rankings") / "results.duckdb")
    store.ready()
    with store.together():
        for variant, skill in {"causal": 0.5, "bidir": 0.7}.items():
            system = System(base="mini", base_revision="1", variant=variant, card_hash="c")
            run = Run(
                system_id=store.add_system(system), suite="t", dtype="float32", device="cpu", evaluation="1",
                mask_proof=PROOF,
            )  # fmt: skip
            store.add_run(run)
            for metric, task_type in METRICS.items():
                rows = outcomes(metric, skill=skill)
                key = TaskKey(task=metric, split="test", subset="default", revision="1", metric=metric)
                score = score_outcomes(metric, rows)
                store.add_result(
                    run.run_id, TaskResult(key=key, task_type=task_type, score=score, outcomes=rows, seconds=1.0)
                )
    return store


@pytest.mark.slow
def test_each_metric_of_rankings_has_its_test(store: Store) -> None:
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=2000)
    by_metric = {task.key.metric: task for task in found.tasks}
    mean, precision, f1 = (by_metric[metric] for metric in METRICS)
    assert mean.method.startswith("sign-flip permutation")
    assert precision.method.startswith("t on influence functions")
    assert (mean.verdict, precision.verdict, f1.verdict) == ("better", "better", "descriptive")
    assert (precision.n_examples, precision.n_units) == (300, 150)
    for task in (mean, precision):
        assert task.interval is not None
        assert task.interval.low < task.difference < task.interval.high
        # mteb rounds a mean over queries to five decimals, and the stored score with it; a difference is not rounded
        assert task.difference == pytest.approx(task.score - task.score_against, abs=1e-5)
    values = [outcomes("ndcg_at_10", skill=skill)["predicted_score"].to_numpy(float) for skill in (0.7, 0.5)]
    assert mean.estimate is not None
    assert mean.estimate.se == pytest.approx(stats.sem(values[0] - values[1]), rel=0.02)
    assert f1.p is None
    assert sentence(found).endswith(
        "better than causal on 2 of 2 tasks (family-wise p ≤ .05); 1 task is shown without a test."
    )
    assert f1.difference == pytest.approx(f1.score - f1.score_against, abs=1e-12)


def test_every_score_is_recomputed_from_the_store(store: Store) -> None:
    assert [check.problem for check in store.verify()] == [None] * 6
