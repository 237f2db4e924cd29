"""Planning, measuring, storing: what is done is not done again, and what fails leaves nothing behind."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.run.measure import measure
from harness.run.open import open_system
from harness.run.plan import RunPlan
from harness.run.record import record_run, record_task
from harness.store import Store
from tests.run.kit import PLACE, SMALL, go, plan, request
from tests.suites.small import SmallSTS
from tests.test_cards import write_card


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


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("layer=40", "ninth@layer=40 on .*: of 2 layers there is no layer 40; change `layer` in the card"),
        ("ahead=1,from_layer=9", "of 2 layers there is no layer that comes after layer 9; change `from_layer`"),
        ("width=17", "vectors of 16 numbers cannot be read at width 17; take 16 or less"),
    ],
)
def test_what_the_base_lacks_is_said_before_a_stage_is_trained(
    tiny_base: Path, store: Store, fields: str, sentence: str
) -> None:
    with pytest.raises(HarnessError, match=sentence):
        plan(request(tiny_base, f"ninth@{fields}"), store)


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


@pytest.mark.slow
def test_recording_twice_changes_nothing(tiny_base: Path, store: Store) -> None:
    wanted = plan(request(tiny_base, "causal", tasks=("SmallSTS",)), store)
    [job] = wanted.jobs
    opened = open_system(job.system, place=PLACE, cache=wanted.cache)
    measured = measure(opened.encoder, job.missing[0])
    run = record_run(store, opened.evidence, suite="mini", command="test")
    for _ in range(2):
        record_task(store, run, opened.evidence, job.missing[0].info, measured)
    assert list(store.scores(current=False)["run_id"]) == [run.run_id]


@pytest.mark.slow
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
