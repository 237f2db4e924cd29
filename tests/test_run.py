"""Planning, measuring, storing: what is done is not done again, and what fails leaves nothing behind."""

from __future__ import annotations

import dataclasses
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError
from harness.paths import cache_folder
from harness.run.loop import execute
from harness.run.measure import measure
from harness.run.open import open_system
from harness.run.plan import RunPlan, RunRequest, plan_run
from harness.run.record import record_run, record_task
from harness.store import Store
from tests.suites.small import SmallClassification, SmallSTS, add_suite, own_task
from tests.test_cards import write_card

PLACE = Placement(device="cpu", dtype="float32")
SMALL = {"SmallSTS": SmallSTS, "SmallClassification": SmallClassification}


class Ear:
    """A Listener that remembers."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.results: list[tuple[str, str]] = []
        self.proofs: list[str] = []
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def stage(self, label, planned):
        self.stages.append(planned.stage.kind)
        return lambda step: None

    def proof(self, label, proof) -> None:
        self.proofs.append(label)

    def task(self, label, name, number, total) -> None: ...

    def reading(self, reading) -> None: ...

    def result(self, label, result) -> None:
        self.results.append((label, result.key.task))


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog knows two small tasks; the cards of a ninth variant train in four steps."""
    add_suite(monkeypatch, *map(own_task, SMALL.values()))
    stage = "{kind: %s, examples: 40, steps: 3, batch_size: 8, max_length: 16, learning_rate: 1.0e-3}"
    write_card(Path("model_cards"), "ninth", f"stages: [{stage % 'simcse'}]\nstep_from: causal\n")
    write_card(Path("model_cards"), "tenth", f"stages: [{stage % 'simcse'}, {stage % 'supcon'}]\nstep_from: ninth\n")


def request(base: Path, *variants: str, tasks: tuple[str, ...] = tuple(SMALL), **more) -> RunRequest:
    return RunRequest(base=str(base), variants=variants, tasks=tasks, **more)


def go(wanted: RunRequest, store: Store, **options) -> Ear:
    ear = Ear()
    execute(plan(wanted, store), store, ear, command="test", force=wanted.force, **options)
    return ear


def plan(wanted: RunRequest, store: Store, place: Placement = PLACE) -> RunPlan:
    return plan_run(wanted, store, place=place, cache=cache_folder())


@pytest.fixture
def store() -> Store:
    return Store(Path("results.duckdb"))


def test_one_variant_brings_its_baseline_along(tiny_base: Path, store: Store) -> None:
    task = SmallSTS()
    task.load_data()
    test = task.dataset["test"]
    seen = [test["sentence1"][0].upper() + "!", f"  {test['sentence2'][5]}. "]  # the task's own, written otherwise
    Path("seen.txt").write_text("\n".join(seen + [f"another text {i}" for i in range(38)]))
    ear = go(request(tiny_base, "ninth", data=(("simcse", "seen.txt"),)), store)
    assert ear.stages == ["simcse"]
    assert ear.proofs == ["causal", "ninth (seed 0)"]
    assert ear.results == [(label, task) for label in ("causal", "ninth (seed 0)") for task in SMALL]
    assert all(check.ok for check in store.verify())
    for run in store.runs():
        assert run.mask_proof is not None
        assert run.mask_proof["passed"] is True
        assert len(run.mask_proof["checks"]) == 8  # padded: two batch sizes and three paddings; packed: two batch sizes
        assert run.finished_at is not None
        assert {"versions", "commit", "device", "dtype", "command", "threads"} <= run.provenance.model_fields_set
    [stage] = store.stages().values()
    assert [step for step, _ in stage.losses] == [1, 2, 3]
    assert run.provenance.weights_sha256 == stage.weights_sha256
    first, other = store.overlaps(system_id=run.system_id)
    assert (first.source, first.task, first.n_shared) == ("seen.txt", "SmallClassification", 0)
    assert (other.stage, other.task, other.n_shared) == (stage.digest, "SmallSTS", 2)
    assert other.n_texts == len({*test["sentence1"], *test["sentence2"]})


@pytest.mark.slow
def test_the_same_again_does_nothing(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "ninth"), store)
    assert plan(request(tiny_base, "ninth"), store).idle
    again = go(request(tiny_base, "ninth"), store)
    assert (again.stages, again.results) == ([], [])


@pytest.mark.slow
def test_only_what_is_missing_is_measured(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "ninth", tasks=("SmallSTS",)), store)
    ear = go(request(tiny_base, "ninth", "tenth"), store)
    assert ear.stages == ["supcon"]
    assert ear.results == [
        ("causal", "SmallClassification"),
        ("ninth (seed 0)", "SmallClassification"),
        ("tenth (seed 0)", "SmallSTS"),
        ("tenth (seed 0)", "SmallClassification"),
    ]


@pytest.mark.slow
def test_force_measures_again_what_was_named(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "ninth"), store)
    ear = go(request(tiny_base, "ninth", force=True), store)
    assert ear.results == [("ninth (seed 0)", task) for task in SMALL]
    assert len(store.runs()) == 3
    assert len(store.scores()) == 4


@pytest.mark.slow
def test_another_precision_is_another_measurement(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "causal"), store)
    assert not plan(request(tiny_base, "causal"), store, dataclasses.replace(PLACE, dtype="bfloat16")).idle


def test_seeds_make_systems_only_where_something_is_random(tiny_base: Path, store: Store) -> None:
    planned = plan(request(tiny_base, "ninth", "bidir", "random", seeds=(0, 1)), store)
    assert [job.system.label for job in planned.jobs] == [
        "causal",
        "bidir",
        "ninth (seed 0)",
        "ninth (seed 1)",
        "random (seed 0)",
        "random (seed 1)",
    ]


@pytest.mark.slow
def test_a_changed_recipe_is_a_new_system(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "ninth"), store)
    card = Path("model_cards/ninth.md")
    card.write_text(card.read_text().replace("What it is for.", "Other prose."))
    assert plan(request(tiny_base, "ninth"), store).idle
    card.write_text(card.read_text().replace("steps: 3", "steps: 4"))
    assert not plan(request(tiny_base, "ninth"), store).idle


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


@pytest.mark.slow
def test_texts_that_are_cut_are_told_once_a_task(tiny_base: Path, store: Store) -> None:
    write_card(Path("model_cards"), "short", "max_length: 4\n")
    ear = go(request(tiny_base, "short"), store)
    told = [note.split(" texts cut at ") for note in ear.notes]
    assert [(said.split(": ")[0], limit) for said, limit in told] == [
        ("short · SmallSTS", "4 tokens"),
        ("short · SmallClassification", "4 tokens"),
    ]
    assert all(run.provenance.encoding == {"kernel": "packed_sdpa", "layout": "packed"} for run in store.runs())


@pytest.mark.slow
def test_a_plan_and_its_measurements_can_be_sent_to_another_process(tiny_base: Path, store: Store) -> None:
    """What goes into `open_system` and `measure`, and what comes out, survives pickling."""
    wanted = plan(request(tiny_base, "ninth", suite="mini", tasks=("SmallSTS",)), store)
    sent: RunPlan = pickle.loads(pickle.dumps(wanted))  # noqa: S301  our own bytes
    assert sent == wanted
    job = sent.jobs[-1]
    opened = open_system(job.system, place=sent.place, cache=sent.cache)
    measured = measure(opened.encoder, job.missing[0])
    evidence, came_back = pickle.loads(pickle.dumps((opened.evidence, measured)))  # noqa: S301
    assert evidence.proof == opened.evidence.proof
    assert [stage.digest for stage, _ in evidence.stages] == [stage.digest for stage, _ in opened.evidence.stages]
    run = record_run(store, evidence, suite="mini", command="test")
    record_task(store, run, evidence, job.missing[0].info, came_back)
    assert list(store.scores()["task"]) == ["SmallSTS"]
    assert plan(request(tiny_base, "ninth", suite="mini", tasks=("SmallSTS",)), store).jobs[-1].missing == ()


def test_recording_twice_changes_nothing(tiny_base: Path, store: Store) -> None:
    wanted = plan(request(tiny_base, "causal", tasks=("SmallSTS",)), store)
    [job] = wanted.jobs
    opened = open_system(job.system, place=PLACE, cache=wanted.cache)
    measured = measure(opened.encoder, job.missing[0])
    run = record_run(store, opened.evidence, suite="mini", command="test")
    for _ in range(2):
        record_task(store, run, opened.evidence, job.missing[0].info, measured)
    assert list(store.scores(current=False)["run_id"]) == [run.run_id]


def test_planning_imports_no_torch() -> None:
    program = """
import sys
from pathlib import Path
from harness.encoder.placement import Placement
from harness.run.plan import RunRequest, plan_run
from harness.store import Store
place = Placement(device="cpu", dtype="float32")
plan = plan_run(
    RunRequest(base="mini", variants=("bidir-supcon",)), Store(Path("r.duckdb")), place=place, cache=Path("c")
)
assert len(plan.jobs) == 3 and all(job.missing for job in plan.jobs)
print(sorted({"torch", "transformers", "mteb"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
