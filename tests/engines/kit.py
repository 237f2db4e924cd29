"""A Ray cluster of several nodes on this machine, and what a study has stored."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.engines.connect import import_ray
from harness.store import Store
from tests.conftest import library

ROOT = Path(__file__).parents[2]
CELL = "gpus=1,cpus=0,memory=0.1"


@contextmanager
def fake_gpus(count: int) -> Iterator[Any]:
    """A head without GPUs and so many nodes with one each, which nothing checks. Its nodes are in `gpus`."""
    library("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        patch.setenv("RAY_worker_niceness", "0")  # the rest of a busy machine would keep them from their work
        ray = import_ray(alone=False)
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
        try:
            made.gpus = [made.add_node(num_cpus=1, num_gpus=1) for _ in range(count)]
            made.wait_for_nodes()
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def rows(store: Store, variants: Collection[str] = ()) -> list[pd.DataFrame]:
    """Every row of score and of outcome (of `variants`, if there are any), without what names the run."""
    scores = store.scores(current=False, diagnostics=True).sort_values(["system_id", "task", "subset", "metric"])
    if variants:
        scores = scores[scores["variant"].isin(variants)]
    outcomes = [store.outcomes(results=[result]).drop(columns="result") for result in scores["result"]]
    kept = ["system_id", "variant", "seed", "task", "split", "subset", "revision", "metric", "score", "n_examples"]
    return [scores[kept].reset_index(drop=True), *outcomes]
