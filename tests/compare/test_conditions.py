"""Results in two dtypes or on two devices: said beside the verdict, wherever one is shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.compare import compare, rank
from harness.compare.conditions import in_one, unlike
from harness.compare.flips import flips
from harness.compare.one_task import NamePair
from harness.errors import HarnessError
from harness.outcomes import TaskPart
from harness.records import Run
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, result_of


@pytest.fixture
def store() -> Store:
    store = Store(Path("results.duckdb"))
    with store.together():
        add_system(store, "causal", skill=0.4, tasks=TASKS[:2])
        add_system(store, "bidir", skill=0.5, tasks=TASKS[:2])
    return store


def again(store: Store, variant: str, *, dtype: str, device: str = "cpu", base: str = "mini") -> None:
    """Measure a system again in other conditions, on the first task."""
    [system] = [each for each in store.systems() if (each.base, each.variant) == (base, variant)]
    [before] = store.runs(system_id=system.system_id)
    run = Run(**{**vars(before), "run_id": f"{base}{variant}{dtype}{device}", "dtype": dtype, "device": device})
    with store.together():
        store.add_run(run)
        store.add_result(run.run_id, result_of(TASKS[0], skill=0.6, seed=dtype))


def test_nothing_is_said_where_all_were_measured_alike(store: Store) -> None:
    assert compare(store, base="mini", variant="bidir", against="causal", resamples=200).problems == ()
    assert rank(store, base="mini", resamples=200).conditions == ""


def test_many_pairs_that_were_not_measured_alike_are_one_sentence() -> None:
    a, b, c, other = (("mini", "causal"), ("mini", "bidir"), ("mini", "bidir-mntp"), ("tiny", "causal"))
    task = TaskPart(task="T", split="test", subset="default")
    conditions = {(name, task): ["float32 on cuda" if name == a else "float32 on cpu"] for name in (a, b, c, other)}
    model = ("", "a-model")
    conditions[model, task] = ["float32 on cpu"]

    def told(*pairs: NamePair) -> tuple[str, ...]:
        return in_one({pair: unlike(pair, conditions) for pair in pairs}, conditions)

    assert told((b, c)) == ()
    assert told((b, a), (b, c)) == (unlike((b, a), conditions),)
    [said] = told((b, a), (c, a), (c, b))
    assert said.endswith("float32 on cpu: bidir, bidir-mntp; float32 on cuda: causal.")
    [said] = told((b, a), (model, a))
    assert said.endswith("float32 on cpu: a-model, bidir; float32 on cuda: causal.")
    [said] = told((b, a), (other, a))
    assert said.endswith("float32 on cpu: bidir on mini, causal on tiny; float32 on cuda: causal on mini.")


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "device"), [("bfloat16", "cpu"), ("float32", "cuda")])
def test_two_conditions_are_said_beside_the_verdict(dtype: str, device: str) -> None:
    store = Store(Path("apart.duckdb"))
    with store.together():
        add_system(store, "causal", skill=0.4, tasks=TASKS[1:2])
        add_system(store, "bidir", skill=0.5, tasks=TASKS[:2])
    again(store, "causal", dtype=dtype, device=device)
    said = f"bidir was measured in float32 on cpu, causal in {dtype} on {device} (on 1 of 2 tasks)"
    [problem] = compare(store, base="mini", variant="bidir", against="causal", resamples=200).problems
    assert problem.startswith(said)
    ranks = rank(store, base="mini", resamples=200)
    assert f"{dtype} on {device}: causal" in ranks.conditions
    if device == "cpu":
        assert said in build_site(store, Path("site"), resamples=200).read_text()
    other = compare(store, base="mini", variant="bidir", against="causal", tasks=[TASKS[1].name], resamples=200)
    assert other.problems == ()
    assert dataclasses.asdict(ranks)["conditions"] == ranks.conditions


@pytest.mark.slow
def test_a_system_that_is_measured_again_in_another_dtype_keeps_both(store: Store) -> None:
    with store.together():
        add_system(store, "bidir-mntp", seed=0, skill=0.55, tasks=TASKS[:2])
    before = store.scores().drop(columns="current")
    again(store, "bidir", dtype="bfloat16")
    assert store.scores().drop(columns="current").equals(before)  # the ladder is compared as it was
    assert rank(store, base="mini", resamples=200).conditions == ""
    here = compare(store, base="mini", variant="bidir", against="causal", resamples=200)
    other = compare(store, base="mini", variant="bidir", against="causal", dtype="bfloat16", resamples=200)
    first, second = ({each.key.task: each.score for each in found.tasks}[TASKS[0].name] for found in (here, other))
    assert second == result_of(TASKS[0], skill=0.6, seed="bfloat16").score != first
    assert other.problems[0].startswith("bidir was measured in bfloat16 on cpu, causal in float32 on cpu (on 1 of 2")
    ranked = rank(store, base="mini", dtype="bfloat16", resamples=200)
    assert "bfloat16 on cpu: bidir; float32 on cpu: bidir-mntp, causal." in ranked.conditions
    with pytest.raises(HarnessError, match="no results of dtype 'float64'; did you mean bfloat16 or float32"):
        compare(store, base="mini", variant="bidir", against="causal", dtype="float64")
    site = build_site(store, Path("site"), resamples=200).parent
    page = (site / "systems" / "mini--bidir.html").read_text()
    assert f"{TASKS[0].name} {100 * second:.1f}" in page
    assert "In other dtypes" not in (site / "systems" / "mini--causal.html").read_text()


@pytest.mark.slow
def test_what_most_systems_share_counts_and_of_equals_the_newest(store: Store) -> None:
    again(store, "causal", dtype="bfloat16")
    assert set(store.scores()["dtype"]) == {"float32"}
    again(store, "bidir", dtype="bfloat16")  # as many systems, but fewer results
    assert set(store.scores()["dtype"]) == {"float32"}
    with store.together():
        for name in ("causal", "bidir"):
            add_system(store, name, base="other", skill=0.5, tasks=TASKS[:1])
    again(store, "causal", dtype="bfloat16", base="other")
    again(store, "bidir", dtype="bfloat16", base="other")
    rows = store.scores().groupby("base")["dtype"].unique().to_dict()
    assert {base: list(found) for base, found in rows.items()} == {"mini": ["float32"], "other": ["bfloat16"]}
    rows = store.scores(current=False)
    assert (int(rows["current"].sum()), len(rows)) == (6, 10)
    [[counted]] = store.query("SELECT count(*) FROM result WHERE current").values.tolist()
    assert counted == 6


@pytest.mark.slow
def test_a_pair_is_compared_in_a_dtype_that_both_have(store: Store) -> None:
    with store.together():
        add_system(store, "random", seed=0, skill=0.2, tasks=TASKS[:2])
    add_system(store, "bidir-mntp", seed=0, skill=0.55, tasks=TASKS[:1], dtype="bfloat16")
    said = compare(store, base="mini", variant="bidir-mntp", against="causal", resamples=200)
    assert said.problems[0].startswith("bidir-mntp was measured in bfloat16 on cpu, causal in float32 on cpu")
    again(store, "causal", dtype="bfloat16")
    found = compare(store, base="mini", variant="bidir-mntp", against="causal", resamples=200)
    assert found.problems == ()
    assert found.tasks[0].score_against == result_of(TASKS[0], skill=0.6, seed="bfloat16").score
    assert compare(store, base="mini", variant="bidir", against="causal", resamples=200).problems == ()
    [flipped] = flips(
        store, base="mini", variant="bidir-mntp", against="causal", tasks=[found.tasks[0].key.part], most=1
    )
    [shown] = flipped.shown
    answers = result_of(TASKS[0], skill=0.6, seed="bfloat16").outcomes.set_index("example_id")["predicted_score"]
    assert float(shown.predicted_against) == pytest.approx(answers[shown.example_id], abs=1e-3)
