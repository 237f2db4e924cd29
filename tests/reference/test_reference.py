"""Reference files: what is written comes back, what was touched is refused, a store can be made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.gate.pairs import check_references, find_references, pair_store
from harness.metrics import score_outcomes
from harness.outcomes import make_outcomes
from harness.reference.answers import asked_hash, pack, unpack
from harness.reference.change import change, describe
from harness.reference.files import Reference, read_references, write_references
from harness.reference.rebuild import rebuild
from harness.reference.take import take_references
from harness.store import Store
from harness.suites.task import TaskInfo
from tests.factory import TASKS, FakeTask, add_system, outcomes_of

NAMES = [task.name for task in TASKS]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("reference") / "results.duckdb")
    add_system(store, "causal", skill=0.5)
    add_system(store, "bidir-mntp", seed=0, skill=0.6)
    add_system(store, "bidir-mntp", seed=1, skill=0.7)
    return store


@pytest.fixture(scope="module")
def references(store: Store) -> list[Reference]:
    return take_references(store, base="mini", variants=["bidir-mntp", "causal"], tasks=NAMES)


def test_more_wrong_labels_than_letters_take_two_letters_each() -> None:
    n = 200
    columns = {"example_id": [*map(str, range(n))], "gold_label": ["right"] * n}
    rows = make_outcomes({**columns, "predicted_label": ["right" if i % 2 else f"wrong {i}" for i in range(n)]}, n)
    packed = pack(rows, metric="accuracy")
    asked = rows.assign(predicted_label=pd.NA)
    pd.testing.assert_frame_equal(unpack(packed, asked, metric="accuracy"), rows)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_answers_come_back(task: FakeTask) -> None:
    rows = outcomes_of(task, skill=0.6)
    answers = pack(rows, metric=task.metric)
    again = unpack(answers, outcomes_of(task, skill=0.1, seed="another system"), metric=task.metric)
    said = "predicted_score" if task.kind in ("spearman", "pearson") else "predicted_label"
    if said == "predicted_label":
        pd.testing.assert_frame_equal(again, rows)
        assert len(answers.text) == len(rows)
    assert abs(score_outcomes(task.metric, again) - score_outcomes(task.metric, rows)) < 1e-6
    assert pack(again, metric=task.metric) == answers


def test_the_hash_is_of_the_questions_not_of_the_answers() -> None:
    task = TASKS[2]
    rows = outcomes_of(task, skill=0.6)
    assert asked_hash(rows) == asked_hash(outcomes_of(task, skill=0.1, seed=5))
    for column, value in {"example_id": "x", "unit": "x", "gold_label": "c9", "trial": 9}.items():
        other = rows.copy()
        other.loc[3, column] = value
        assert asked_hash(other) != asked_hash(rows), column
        with pytest.raises(HarnessError, match="differ from those of the golden results"):
            unpack(pack(rows, metric="accuracy"), other, metric="accuracy")


@pytest.mark.slow
def test_files_come_back(references: list[Reference], tmp_path: Path) -> None:
    write_references(tmp_path / "reference", references)
    assert sorted(path.name for path in (tmp_path / "reference").iterdir()) == [
        "mini.bidir-mntp.seed0.jsonl",
        "mini.causal.jsonl",
    ]
    again = read_references(tmp_path / "reference")
    assert [each.results for each in again] == [each.results for each in references]
    assert [each.system.system_id for each in again] == [each.system.system_id for each in references]
    assert again[0].run.proven
    assert read_references(tmp_path / "nowhere") == []
    write_references(tmp_path / "reference", references[1:])
    assert [path.name for path in (tmp_path / "reference").iterdir()] == ["mini.causal.jsonl"]


def test_a_touched_file_is_refused(references: list[Reference], tmp_path: Path) -> None:
    write_references(tmp_path, references)
    path = tmp_path / "mini.causal.jsonl"
    text = path.read_text()
    for touched in (text.replace('"score":0.', '"score":0.1', 1), text[: len(text) // 2], text + "{}\n", ""):
        path.write_text(touched)
        with pytest.raises(HarnessError, match=r"mini.causal.jsonl was changed .*--update"):
            read_references(tmp_path)
    path.write_text(text)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(HarnessError, match=r"notes.txt, which is not a file of golden results"):
        write_references(tmp_path, references)
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.slow
def test_a_store_made_of_references_holds_them(references: list[Reference], store: Store, tmp_path: Path) -> None:
    answered = [outcomes_of(task, skill=0.1, seed="bag of words") for task in TASKS]
    questions = {asked_hash(rows): rows for rows in answered}
    made = Store(tmp_path / "made.duckdb")
    with made.together():
        assert rebuild(made, references, questions, note=lambda _: None) == 2 * len(TASKS)
    assert all(check.ok for check in made.verify())
    before = store.scores().set_index(["system_id", "task"])["score"]
    for row in made.scores().itertuples():
        assert row.score == pytest.approx(before[row.system_id, row.task], abs=1e-6)
    pairs = pair_store(made, references, NAMES)
    assert len(pairs) == 2 * len(TASKS)
    assert all(pair.score_now == pytest.approx(pair.score_reference, abs=1e-9) for pair in pairs)


def test_a_suite_that_asks_otherwise_is_refused_by_name(references: list[Reference], tmp_path: Path) -> None:
    answered = {task.name: outcomes_of(task, skill=0.1) for task in TASKS}
    answered["MiniTopic"].loc[0, "gold_label"] = "c9"
    questions = {asked_hash(rows): rows for rows in answered.values()}
    made = Store(tmp_path / "made.duckdb")
    with pytest.raises(HarnessError, match=r"MiniTopic: the examples differ from those.*harness regress --update"):
        rebuild(made, references[:1], questions, note=lambda _: None)
    assert not made.path.exists()


def infos(**changed: str) -> list[TaskInfo]:
    return [
        TaskInfo(name=t.name, task_type=t.task_type, metric=t.metric, revision=changed.get(t.name, "r1"), about="")
        for t in TASKS
    ]


def test_what_cannot_be_compared_says_update(references: list[Reference], store: Store) -> None:
    check_references(references, infos(), evaluation="1")
    with pytest.raises(HarnessError, match=r"version 1 of the evaluation, and this is version 2; .*--update"):
        check_references(references, infos(), evaluation="2")
    with pytest.raises(HarnessError, match=r"MiniSTS is of revision r1 .*now r2.*--update"):
        check_references(references, infos(MiniSTS="r2"), evaluation="1")
    more = [*infos(), TaskInfo(name="MiniNew", task_type="STS", metric="spearman", revision="r1", about="")]
    with pytest.raises(HarnessError, match=r"MiniNew has no golden result of bidir-mntp.*--update"):
        check_references(references, more, evaluation="1")
    with pytest.raises(HarnessError, match=r"bidir has no golden results .*--update --variant bidir"):
        find_references(references, ["bidir"])
    with pytest.raises(HarnessError, match=r"no golden results; make them"):
        find_references([], ["bidir"])
    with pytest.raises(HarnessError, match="lacks MiniOther of causal"):
        take_references(store, base="mini", variants=["causal"], tasks=[*NAMES, "MiniOther"])
    with pytest.raises(HarnessError, match="no results of bidir on base mini"):
        take_references(store, base="mini", variants=["bidir"], tasks=NAMES)


def test_without_a_mask_proof_nothing_becomes_a_reference(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", proof=None, tasks=TASKS[:1])
    with pytest.raises(HarnessError, match="no mask proof"):
        take_references(store, base="mini", variants=["causal"], tasks=[TASKS[0].name])


@pytest.mark.slow
def test_the_change_is_told(references: list[Reference], store: Store, tmp_path: Path) -> None:
    assert change(references, references) == []
    assert describe(references, references).endswith("not an answer changed")
    other = Store(tmp_path / "r.duckdb")
    add_system(other, "causal", skill=0.8)
    after = [references[0], *take_references(other, base="mini", variants=["causal"], tasks=NAMES)]
    rows = change(references, after)
    assert [(row["variant"], row["task"]) for row in rows] == [("causal", name) for name in sorted(NAMES)]
    assert all(row["same_questions"] for row in rows)
    said = describe(references, after)
    assert said.startswith("Reference results: 5 of 10 changed (causal)\n\n- causal, MiniCluster: ")
    assert "- bidir-mntp, MiniSTS: gone" in describe(references, after[1:])
    kept = references[1].results[0]
    bits = replace(kept, key=replace(kept.key, metric="bits_per_byte"), score=0.75)
    answers = replace(bits, score=0.5, answers=replace(kept.answers, text=kept.answers.text[::-1]))
    lost = describe(*([replace(references[1], results=(each,))] for each in (bits, answers)))
    assert "MiniSTS: 0.7500 -> 0.5000 (-0.2500)" in lost  # bits, not points
    assert "- bidir-mntp, MiniSTS: new" in describe(after[1:], after)
