"""What goes in comes out; what is inconsistent does not go in."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.outcomes import OUTCOME_COLUMNS
from harness.records import Cost, Overlap, Provenance, Run, StoredRecipe, System
from harness.store import Store
from tests.factory import TASKS, FakeTask, add_system, result_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


def new_run(store: Store, **fields: object) -> Run:
    system = System(base="mini", base_revision="1", variant="bidir")
    run = Run(
        system_id=store.add_system(system), suite="mini", dtype="float32", device="cpu", evaluation="1",
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip
    store.add_run(run)
    return run


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.kind)
def test_round_trip(store: Store, task: FakeTask) -> None:
    run = new_run(store, provenance=Provenance(versions={"torch": "2.13"}), mask_proof={"passed": True})
    result = result_of(task, skill=0.6)
    number = store.add_result(run.run_id, result)
    back = store.outcomes(results=[number]).drop(columns="result")
    pd.testing.assert_frame_equal(back, result.outcomes, check_dtype=False)
    assert list(back.columns) == list(OUTCOME_COLUMNS)
    assert {c: str(back[c].dtype) for c in back} == OUTCOME_COLUMNS
    [row] = store.scores().to_dict("records")
    assert row["score"] == result.score
    assert (row["n_examples"], row["variant"], row["current"]) == (task.n, "bidir", True)
    assert row["seed"] is None
    assert store.runs() == [run]
    assert not store.runs()[0].finished_at
    store.finish_run(run.run_id)
    assert store.runs()[0].finished_at is not None


def test_a_system_is_stored_once_and_keeps_its_newest_folder(store: Store) -> None:
    system = System(
        base="mini", base_revision="1", variant="bidir-mntp", seed=3, recipe=StoredRecipe(a=[1]), folder="/old"
    )
    assert store.add_system(system) == store.add_system(replace(system, folder="/new")) == system.system_id
    assert store.systems() == [replace(system, folder="/new")]


def test_identity_is_what_made_it() -> None:
    system = System(base="mini", base_revision="1", variant="bidir-mntp", seed=3, card_hash="a")
    same = replace(system, folder="/elsewhere")
    others = [replace(system, **change) for change in (  # type: ignore[arg-type]
        {"base": "x"}, {"base_revision": "2"}, {"seed": 4}, {"seed": None}, {"card_hash": "b"},
        {"lineage": {"mntp": "1"}}, {"data": {"corpus": "1"}}, {"variant": "bidir"},
    )]  # fmt: skip
    assert same.system_id == system.system_id
    assert len({system.system_id, *(s.system_id for s in others)}) == 9
    # pinned: an identity that changes with the code would orphan every stored result
    assert System(base="mini", base_revision="1", variant="causal").system_id == "e43de86ffe93116d"


def test_refused_results_leave_nothing(store: Store) -> None:
    run = new_run(store)
    good = result_of(TASKS[0], skill=0.6)
    bad = {
        "differs from the spearman": replace(good, score=good.score + 2e-6),
        "its score nan": replace(good, score=float("nan")),
        "unknown metric": replace(good, key=replace(good.key, metric="f1")),
        "need the columns": replace(good, outcomes=good.outcomes.drop(columns="unit")),
    }
    for words, result in bad.items():
        with pytest.raises(HarnessError, match=words):
            store.add_result(run.run_id, result)
    with pytest.raises(HarnessError, match="no run nope"):
        store.add_result("nope", good)
    assert store.scores().empty
    store.add_result(run.run_id, replace(good, score=good.score + 5e-7))  # mteb's rounding is let through
    with pytest.raises(HarnessError, match="already"):
        store.add_result(run.run_id, good)
    assert len(store.scores()) == 1
    with duckdb.connect(str(store.path), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM outcome").fetchall() == [(160,)]


def test_rerun_makes_the_newest_current(store: Store) -> None:
    task = TASKS[0]
    add_system(store, "bidir", skill=0.4, tasks=TASKS[:2])
    add_system(store, "bidir", skill=0.7, tasks=[task])  # --force on one task: same system, new run
    current = store.scores().set_index("task")
    assert len(store.systems()) == 1
    assert len(store.runs()) == 2
    assert len(current) == 2
    assert current.loc[task.name, "score"] == result_of(task, skill=0.7, seed=("mini", "bidir", None)).score
    assert len(store.scores(current=False)) == 3


def test_done_is_what_needs_no_second_run(store: Store) -> None:
    nothing = store.done("x", dtype="float32", evaluation="1")
    assert nothing == frozenset()
    assert not store.path.exists(), "asking must not make a database"
    add_system(store, "bidir", tasks=TASKS[:2])
    [system] = store.systems()
    keys = {result_of(task, skill=0.5).key for task in TASKS[:2]}
    assert store.done(system.system_id, dtype="float32", evaluation="1") == keys
    assert store.done(system.system_id, dtype="float32", evaluation="1", device="cpu") == keys
    for other in ({"dtype": "bfloat16"}, {"evaluation": "2"}, {"device": "cuda"}):
        assert not store.done(system.system_id, **{"dtype": "float32", "evaluation": "1", **other})


def test_a_task_is_stored_whole_with_one_opening(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(store)
    first, second = (result_of(task, skill=0.6) for task in TASKS[:2])
    second = replace(second, key=replace(second.key, task=first.key.task, subset="other"))
    overlap = Overlap(stage="s", source="d", task=first.key.task, revision="r1", how="measured", n_texts=3, n_shared=1)
    cost = Cost(seconds=2.0)
    with pytest.raises(HarnessError, match="differs from"):
        store.add_task(run.run_id, first.key.task, [first, replace(second, score=9.0)], cost=cost, overlaps=[overlap])
    with pytest.raises(HarnessError, match="no run nope"):
        store.add_task("nope", first.key.task, [first], cost=cost, overlaps=[overlap])
    assert (len(store.scores()), store.costs(), store.overlaps()) == (0, {}, [])
    opened: list[int] = []
    opening = store._alone
    monkeypatch.setattr(store, "_alone", lambda: opened.append(1) or opening())
    for _ in range(2):  # the second time changes nothing
        store.add_task(run.run_id, first.key.task, [first, second], cost=cost, overlaps=[overlap])
    assert len(opened) == 2
    assert list(store.scores()["subset"]) == ["default", "other"]
    assert (list(store.costs().values()), store.overlaps()) == ([cost], [overlap])
    assert all(check.ok for check in store.verify())
    again = new_run(store)
    store.add_task(again.run_id, first.key.task, [first], again=False)
    assert len(store.scores(current=False)) == 2
    store.add_task(again.run_id, first.key.task, [first])
    assert len(store.scores(current=False)) == 3


def test_what_another_process_writes_is_a_change_and_what_this_one_writes_is_none(store: Store) -> None:
    other = Store(store.path)
    run = new_run(store)
    before = store.changes
    store.add_result(run.run_id, result_of(TASKS[0], skill=0.5))
    store.scores()
    assert store.changes == before
    other.add_result(run.run_id, result_of(TASKS[1], skill=0.5))
    assert store.changes > before
    seen = store.changes
    store.finish_run(run.run_id)
    assert store.changes == seen
    other.finish_run(run.run_id)
    store.finish_run(run.run_id)  # it has not been asked for between
    assert store.changes > seen


def test_weights_are_those_of_the_results_that_count(store: Store) -> None:
    system = System(base="mini", base_revision="1", variant="bidir")
    store.add_system(system)
    for weights, tasks in (("a", TASKS[:2]), ("b", TASKS[:1]), ("c", ())):
        run = Run(system_id=system.system_id, suite="mini", dtype="float32", device="cpu", evaluation="1",
                  provenance=Provenance(weights_sha256=weights))  # fmt: skip
        store.add_run(run)
        for task in tasks:
            store.add_result(run.run_id, result_of(task, skill=0.5))
    assert store.weights(system.system_id) == {"a", "b"}
    assert store.weights("nope") == frozenset()


@pytest.mark.slow
def test_several_runs_of_one_system_leave_one_result(store: Store) -> None:
    result = result_of(TASKS[0], skill=0.5)
    first, second = new_run(store), new_run(store)
    number = store.add_result(first.run_id, result, again=False)
    assert store.add_result(second.run_id, result, again=False) == number
    assert len(store.scores(current=False)) == 1
    other = Run(system_id=first.system_id, suite="mini", dtype="bfloat16", device="cpu", evaluation="1")
    store.add_run(other)
    store.add_result(other.run_id, result, again=False)  # another condition is another measurement
    store.add_result(second.run_id, result)
    assert len(store.scores(current=False)) == 3


@pytest.mark.slow
def test_verify_names_the_tampered_result(store: Store) -> None:
    add_system(store, "bidir", skill=0.6)
    assert all(check.ok for check in store.verify())
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE outcome SET predicted_score = 9 WHERE result = 1 AND example_id = 'pair-7'")
        connection.execute("UPDATE outcome SET predicted_label = 'c9' WHERE result = 3 AND example_id = 'text-7'")
        connection.execute("DELETE FROM outcome WHERE result = 4 AND example_id = 'text-0'")
        connection.execute("UPDATE score SET score = 0.99 WHERE result = 5")
    bad = {check.key.task: check for check in store.verify() if not check.ok}
    assert set(bad) == {"MiniSTS", "MiniTopic", "MiniCluster", "MiniContext"}
    assert "stored 0.99" in str(bad["MiniContext"].problem)


def test_verify_opens_the_database_for_many_scores_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening takes longer than checking one score. A score without outcomes spoils no other of its batch."""
    for variant in ("causal", "bidir"):
        add_system(store, variant, tasks=TASKS[:3])
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("DELETE FROM outcome WHERE result = 3")
        connection.execute("UPDATE outcome SET predicted_score = 'nan' WHERE result = 4 AND example_id = 'pair-7'")
    opened, said = [], []
    reading = store._reading
    monkeypatch.setattr(store, "_reading", lambda: opened.append(1) or reading())
    monkeypatch.setattr("harness.store.verify._ROWS", 1000)
    checks = list(store.verify(lambda *now: said.append(now)))
    assert [check.result for check in checks] == list(range(1, 7))
    assert [check.result for check in checks if not check.ok] == [3, 4]
    assert "no outcomes" in str(checks[2].problem)
    assert "not a finite number" in str(checks[3].problem)
    assert said[0] == (0, 6, "causal, MiniSTS")
    assert said[-1] == (5, 6, "bidir, MiniTopic")
    assert len(opened) == 3, "once for the scores, then once a batch"


@pytest.mark.slow
def test_store_imports_no_torch() -> None:
    rooms = "harness.store, harness.compare, leaderboard.build"
    code = f"import sys, {rooms}; print([m for m in ('torch', 'mteb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
