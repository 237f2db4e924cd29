"""What fails in a run, and what it keeps from being measured."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import transformers

from harness.cli.run import raise_failures
from harness.errors import HarnessError, ProofError, TasksFailedError
from harness.paths import cache_folder
from harness.run.loop import execute
from harness.run.open import open_system
from harness.run.plan import Failure
from harness.store import Store
from tests.run.kit import PLACE, Ear, go, plan, request
from tests.suites.small import SmallClassification, SmallSTS
from tests.test_cards import write_card


def test_a_wrong_mask_stops_the_run_before_any_result(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.encoder.model.set_attention", lambda model, attention: None)
    with pytest.raises(ProofError, match="the card says bidirectional"):
        go(request(tiny_base, "bidir"), store)
    assert {system.variant for system in store.systems()} == {"causal"}


@pytest.mark.slow
@pytest.mark.parametrize("error", [HarnessError("its data could not be had"), ValueError("one\nclass"), KeyError()])
def test_a_failing_task_keeps_no_other_from_being_measured(
    tiny_base: Path, store: Store, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self, **_):
        raise error

    monkeypatch.setattr(SmallSTS, "load_data", lambda self, **_: None)
    monkeypatch.setattr(SmallSTS, "evaluate", fail)
    wanted = plan(request(tiny_base, "bidir"), store)
    failed = execute(wanted, store, Ear(), command="test")
    assert [(each.system, each.task) for each in failed] == [("causal", "SmallSTS"), ("bidir", "SmallSTS")]
    assert all(each.reason and "\n" not in each.reason for each in failed)
    assert set(store.scores()["task"]) == {"SmallClassification"}
    assert all(run.finished_at is not None for run in store.runs())
    left = plan(request(tiny_base, "bidir"), store)
    assert [[task.name for task in job.missing] for job in left.jobs] == [["SmallSTS"], ["SmallSTS"]]


def test_one_reason_is_said_once(tiny_base: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    why = HarnessError("it has no words")
    failed = (
        Failure(system="a", task="One", error=why),
        Failure(system="b", error=why),
        Failure(system="a", task="Two", error=why),
    )
    with pytest.raises(TasksFailedError, match="3 failed, as listed above"):
        raise_failures(replace(plan(request(tiny_base, "bidir"), store), failed=failed))
    assert capsys.readouterr().err.splitlines() == [
        "failed: One, Two on a: it has no words",
        "failed: b: it has no words",
    ]


@pytest.mark.slow
def test_a_strict_run_stops_at_the_first_failing_task(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self, **_):
        raise HarnessError("its data could not be had")

    monkeypatch.setattr(SmallClassification, "load_data", fail)
    with pytest.raises(HarnessError, match="could not be had"):
        go(request(tiny_base, "bidir"), store, strict=True)
    assert list(store.scores()["task"]) == ["SmallSTS"]
    assert store.runs()[0].finished_at is None


@pytest.mark.slow
def test_a_system_that_cannot_be_opened_keeps_no_other_from_being_measured(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that fails is not tried again for the next variant that has it."""
    tried = []

    def fail(stage, rows, **_):
        tried.append(stage.kind)
        raise HarnessError("the loss is not finite")

    monkeypatch.setattr("harness.training.contrastive.train_contrastive", fail)
    ear = Ear()
    failed = execute(plan(request(tiny_base, "ninth", "tenth", "bidir"), store), store, ear, command="test")
    assert [(each.what, each.reason) for each in failed] == [
        ("ninth (seed 0)", "the loss is not finite"), ("tenth (seed 0)", "the loss is not finite"),
    ]  # fmt: skip
    assert tried == ["simcse"]
    assert {system.variant for system in store.systems()} == {"causal", "bidir"}
    assert len(store.scores()) == 4
    assert "ninth (seed 0): failed, the loss is not finite" in ear.notes
    tried.clear()
    with pytest.raises(HarnessError, match="loss is not finite"):  # all that were named
        go(request(tiny_base, "ninth", "tenth"), store)
    with pytest.raises(HarnessError, match="loss is not finite"):
        go(request(tiny_base, "ninth", "random"), store, strict=True)
    assert len(store.scores()) == 4


def test_a_variant_whose_data_are_missing_keeps_no_other_from_being_measured(tiny_base: Path, store: Store) -> None:
    stage = (
        "{kind: simcse, data: gone.txt, examples: 40, steps: 3, batch_size: 8, max_length: 16, learning_rate: 0.001}"
    )
    write_card(Path("model_cards"), "lost", f"stages: [{stage}]\nstep_from: causal\n")
    wanted = plan(request(tiny_base, "lost", "bidir"), store)
    assert [(each.what, "neither `mini`, nor a file" in each.reason) for each in wanted.failed] == [("lost", True)]
    assert [job.label for job in wanted.jobs] == ["causal", "bidir"]
    with pytest.raises(HarnessError, match="gone"):
        plan(request(tiny_base, "lost"), store)
    with pytest.raises(HarnessError, match="away"):  # as typed
        plan(request(tiny_base, "ninth", "bidir", data=(("simcse", "away.txt"),)), store)


@pytest.mark.slow
def test_results_of_one_system_are_of_one_training(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that is trained again, on another machine or after its folder was removed, may give other weights."""
    go(request(tiny_base, "ninth", tasks=("SmallSTS",)), store)
    shutil.rmtree(cache_folder() / "stages")
    monkeypatch.setattr("harness.training.contrastive.set_seed", lambda seed: transformers.set_seed(seed + 1))
    with pytest.raises(HarnessError, match=r"the weights of ninth \(seed 0\) are not those whose results are stored"):
        go(request(tiny_base, "ninth"), store)
    assert set(store.scores()["task"]) == {"SmallSTS", "SmallClassification"}  # the second of the causal base
    go(request(tiny_base, "ninth", force=True), store)
    go(request(tiny_base, "ninth"), store)
    weights = {run.run_id: run.provenance.weights_sha256 for run in store.runs()}
    assert len({weights[run] for run in store.scores()["run_id"]} - {None}) == 1


def test_a_base_that_changes_after_the_plan_is_not_measured(tiny_base: Path, store: Store) -> None:
    shutil.copytree(tiny_base, "tiny")
    wanted = plan(request(Path("tiny"), "bidir"), store)
    weights = Path("tiny/model.safetensors")
    weights.write_bytes(weights.read_bytes())  # written again, and the same
    opened = open_system(wanted.jobs[0].system, place=PLACE, cache=wanted.cache)
    assert opened.evidence.system.base_revision == wanted.base.revision
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(HarnessError, match="tiny has changed since this command began"):
        execute(wanted, store, None, command="test")
    assert store.scores().empty


@pytest.mark.slow
def test_a_proof_that_fails_in_a_task_ends_its_system_and_no_other(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self, **_):
        raise ProofError("not the base")

    monkeypatch.setattr(SmallSTS, "load_data", fail)
    failed = execute(plan(request(tiny_base, "bidir"), store), store, Ear(), command="test")
    assert [(each.what, type(each.error)) for each in failed] == [
        ("SmallSTS on causal", ProofError), ("SmallSTS on bidir", ProofError),
    ]  # fmt: skip
    assert store.scores().empty


def test_a_database_that_cannot_be_written_is_noticed_before_training(tiny_base: Path, store: Store) -> None:
    store.ready()
    store.path.chmod(0o444)
    ear = Ear()
    with pytest.raises(HarnessError, match="read-only"):
        execute(plan(request(tiny_base, "ninth"), store), store, ear, command="test")
    assert (ear.stages, ear.results) == ([], [])


def test_bad_names_cost_nothing(tiny_base: Path, store: Store) -> None:
    for wanted, sentence in (
        (request(tiny_base, "nineth"), "did you mean ninth"),
        (request(tiny_base / "absent", "ninth"), "no such folder"),
        (request(tiny_base, "ninth", suite="minni"), "did you mean mini"),
        (request(tiny_base, "ninth", tasks=("",)), "--tasks names no task"),
        (request(tiny_base, "ninth", data=(("mnt", "x"),)), "stages: mntp, simcse, supcon"),
    ):
        with pytest.raises(HarnessError, match=sentence):
            plan(wanted, store)
    assert not store.path.exists()
