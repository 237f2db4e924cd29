"""Stores of results with known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.store import Store
from tests.factory import add_system, rng_for

FEW = 400


def scored(task: str, noise: object, *, n: int = 200, slope: float = 1.0, spread: float = 1.0) -> TaskResult:
    """A Spearman task: `slope` and `spread` are the signal and noise of a system's answers."""
    gold = rng_for("gold", task).normal(size=n)
    said = slope * gold + spread * rng_for("said", task, noise).normal(size=n)
    return result(task, "spearman", {"gold_score": gold, "predicted_score": said}, n)


def labelled(task: str, right: np.ndarray) -> TaskResult:
    """An accuracy task; `right` (n,) says which examples are answered rightly."""
    gold = np.where(rng_for("labels", task).random(len(right)) < 0.5, "a", "b")
    said = np.where(right, gold, np.where(gold == "a", "b", "a"))
    return result(task, "accuracy", {"gold_label": gold, "predicted_label": said}, len(right))


def result(task: str, metric: str, columns: dict[str, object], n: int) -> TaskResult:
    rows = make_outcomes({"example_id": [f"e{i}" for i in range(n)], **columns}, n)
    key = TaskKey(task=task, split="test", subset="default", revision="r", metric=metric)
    return TaskResult(key=key, task_type="STS", score=score_outcomes(metric, rows), outcomes=rows, seconds=0.1)


def store_of(path: Path, results: dict[tuple[str, int | None], list[TaskResult]]) -> Store:
    store = Store(path / "r.duckdb")
    with store.together():
        for (variant, seed), found in results.items():
            run_id = add_system(store, variant, seed=seed, tasks=[])
            for each in found:
                store.add_result(run_id, each)
    return store
