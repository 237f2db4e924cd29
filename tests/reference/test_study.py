"""A study as text: all systems of a database, with their runs, stages and overlaps, and without its data sets."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessError
from harness.gate.regress import rebuild, regress
from harness.interchange.chosen import choose
from harness.records import Overlap, Provenance, Run
from harness.reference.files import read_references, write_references
from harness.reference.questions import QUESTIONS, read_questions
from harness.reference.take import Study, take_study
from harness.stage_record import StageManifest
from harness.store import Store
from tests.factory import PROOF, TASKS, FakeTask, add_system, result_of
from tests.run.kit import Ear

STS = FakeTask("STSBenchmark", "spearman", 60)
STAGE = StageManifest(
    digest="mntp-1a2b", kind="mntp", seed=0, provenance=Provenance(commit="abc", command="harness run --db /home/me/r")
)
OVERLAP = Overlap(
    stage="mntp-1a2b", source="texts", task="STSBenchmark", revision="r1", how="measured", n_texts=9, n_shared=2
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("study") / "results.duckdb")
    add_system(store, "causal", base="llama", skill=0.4, tasks=[STS], folder="/home/me/cache")
    for seed in (0, 1):
        lineage = {"mntp": STAGE.digest}
        add_system(store, "bidir-mntp", base="llama", seed=seed, skill=0.6, tasks=[STS], lineage=lineage)
    system = next(each for each in store.systems() if each.seed == 1)
    told = Provenance(commit="abc", command="harness run --db /home/me/r", opening={"tokens": "read"})
    later = Run(system_id=system.system_id, suite="mini", dtype="float32", device="cpu", evaluation="1",
                provenance=told, mask_proof=PROOF)  # fmt: skip
    store.add_run(later)
    store.add_result(later.run_id, result_of(TASKS[2], skill=0.7))
    store.add_stages([STAGE])
    store.add_overlaps([OVERLAP])
    return store


def listening(count: int) -> AbstractContextManager[Any]:
    assert count
    return nullcontext(Ear())


def taken(store: Store) -> Study:
    chosen = choose(store)
    return take_study(store, chosen.systems, chosen.scores)


def test_a_study_comes_back_with_all_that_is_known_of_it(store: Store, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["export", "--format", "text", "--db", str(store.path), "--out", str(tmp_path / "s")]
    )
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert names == ["llama.bidir-mntp.seed0.jsonl", "llama.bidir-mntp.seed1.jsonl", "llama.causal.jsonl", QUESTIONS]
    assert not any("/home/me" in path.read_text() for path in (tmp_path / "s").iterdir())
    made = Store(tmp_path / "made.duckdb")
    assert rebuild(tmp_path / "s", made.path, screen=listening) == 4
    assert all(check.ok for check in made.verify())
    columns = ["system_id", "run_id", "task", "subset", "revision", "score", "n_examples"]
    before, after = (each.scores()[columns].sort_values(["system_id", "task"]) for each in (store, made))
    pd.testing.assert_frame_equal(before.reset_index(drop=True), after.reset_index(drop=True), rtol=0, atol=1e-6)
    assert made.overlaps() == [OVERLAP]
    (stage,) = made.stages().values()
    assert (stage.seed, stage.provenance) == (0, Provenance(commit="abc"))
    later = next(run for run in made.runs() if run.provenance.opening)
    assert (later.provenance.commit, later.provenance.command, later.proven) == ("abc", None, True)


def test_a_database_is_judged_by_a_study(store: Store, tmp_path: Path) -> None:
    study = taken(store)
    write_references(tmp_path / "s", study.references, study.questions)
    again = regress(tmp_path / "s", screen=listening, source=store.path)
    assert {each.row for each in again.tasks} == {"causal", "bidir-mntp, seed 0", "bidir-mntp, seed 1"}
    assert {each.verdict for each in again.tasks} == {"identical"}
    one = regress(tmp_path / "s", screen=listening, source=store.path, tasks=["STSBenchmark"], variants=["causal"])
    assert [(each.row, each.key.task) for each in one.tasks] == [("causal", "STSBenchmark")]
    with pytest.raises(HarnessError, match=r"a study on llama; measure it again .*--from"):
        regress(tmp_path / "s", screen=listening)
    embedded = [replace(each, system=replace(each.system, base="mini")) for each in study.references]
    write_references(tmp_path / "mini", embedded, study.questions)
    with pytest.raises(HarnessError, match="results of a study on mini"):
        regress(tmp_path / "mini", screen=listening)
    with pytest.raises(HarnessError, match=r"no task 'STSBench'.*STSBenchmark"):
        regress(tmp_path / "s", screen=listening, source=store.path, tasks=["STSBench"])


def test_what_does_not_belong_together_is_refused(store: Store, tmp_path: Path) -> None:
    study = taken(store)
    write_references(tmp_path / "s", study.references, study.questions)
    first = study.references[0]
    wrong = replace(first, results=tuple(replace(each, score=0.123) for each in first.results))
    write_references(tmp_path / "wrong", [wrong], study.questions)
    with pytest.raises(
        HarnessError, match=r"llama.causal, STSBenchmark: its answers give .*not the score 0.123 beside"
    ):
        rebuild(tmp_path / "wrong", tmp_path / "made.duckdb", screen=listening)
    assert not (tmp_path / "made.duckdb").exists()
    with pytest.raises(HarnessError, match=r"2 systems are called llama.causal, with different recipes"):
        write_references(tmp_path / "twice", [first, first])
    path = tmp_path / "s" / QUESTIONS
    path.write_text(path.read_text().replace('"n":60', '"n":61'))
    with pytest.raises(HarnessError, match=r"questions.jsonl was changed"):
        read_questions(tmp_path / "s")
    assert len(read_references(tmp_path / "s")) == 3
