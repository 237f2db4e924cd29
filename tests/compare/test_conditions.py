"""Results in two dtypes or on two devices: said beside the verdict, wherever one is shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.compare import compare, rank
from harness.records import Run
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, one_transaction, result_of


@pytest.fixture
def store() -> Store:
    store = Store(Path("results.duckdb"))
    with one_transaction(store):
        add_system(store, "causal", skill=0.4, tasks=TASKS[:2])
        add_system(store, "bidir", skill=0.5, tasks=TASKS[:2])
    return store


def again(store: Store, variant: str, *, dtype: str, device: str = "cpu") -> None:
    """Measure a system again in other conditions, on the first task."""
    [system] = [each for each in store.systems() if each.variant == variant]
    [before] = store.runs(system_id=system.system_id)
    run = Run(**{**vars(before), "run_id": f"{variant}{dtype}{device}"[:16], "dtype": dtype, "device": device})
    with one_transaction(store):
        store.add_run(run)
        store.add_result(run.run_id, result_of(TASKS[0], skill=0.6, seed=dtype))


def test_nothing_is_said_where_all_were_measured_alike(store: Store) -> None:
    assert compare(store, base="mini", variant="bidir", against="causal", resamples=200).problems == ()
    assert rank(store, base="mini", resamples=200).conditions == ""


@pytest.mark.parametrize(("dtype", "device"), [("bfloat16", "cpu"), ("float32", "cuda")])
def test_two_conditions_are_said_beside_the_verdict(store: Store, dtype: str, device: str) -> None:
    again(store, "causal", dtype=dtype, device=device)
    with one_transaction(store):
        add_system(store, "random", seed=0, skill=0.3, tasks=TASKS[:2])
    said = f"bidir was measured in float32 on cpu, causal in {dtype} on {device} (on 1 of 2 tasks)"
    [problem] = compare(store, base="mini", variant="bidir", against="causal", resamples=200).problems
    assert problem.startswith(said)
    ranks = rank(store, base="mini", resamples=200)
    assert f"{dtype} on {device}: causal" in ranks.conditions
    page = build_site(store, Path("site"), resamples=200)
    assert said in page.read_text()
    other = compare(store, base="mini", variant="bidir", against="causal", tasks=[TASKS[1].name], resamples=200)
    assert other.problems == ()
    assert dataclasses.asdict(ranks)["conditions"] == ranks.conditions
