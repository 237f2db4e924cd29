"""Cells are given to an engine in an order that lets each begin, and what comes of them is recorded once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError, ProofError
from harness.provenance import collect
from harness.run.cells import Ended, RunCell, cells_of
from harness.run.loop import execute
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.run.plan import Failure
from harness.store import Store
from tests.factory import FakeTask, result_of
from tests.run.kit import PLACE, Ear, plan, request
from tests.test_cards import write_card

NOT_FINITE = HarnessError("the loss is not finite")
Outcome = Callable[[RunCell], HarnessError | None]


class FakeEngine:
    """Says that each cell went well, or what `fails` says of it; the youngest of several at work ends first."""

    def __init__(self, *, stages: bool = True, places: int = 3, fails: Outcome = lambda cell: None) -> None:
        self.stages, self._places, self._fails = stages, places, fails
        self.begun: list[str] = []
        self.at_work: list[RunCell] = []
        self.again: list[Ended] = []  # what came already, and comes once more
        self.cancelled = False

    def start(self, plan, listener) -> None:
        self.begun, self.at_work, self.again = [], [], []

    def choose(self, ready: Collection[RunCell]) -> RunCell | None:
        return next(iter(ready), None) if len(self.at_work) < self._places else None

    def submit(self, cell: RunCell) -> None:
        self.begun.append(cell.what)
        self.at_work.append(pickle.loads(pickle.dumps(cell)))  # noqa: S301  our own bytes

    def wait(self) -> Ended:
        if self.again:
            return self.again.pop()
        cell = self.at_work.pop()
        error = self._fails(cell)
        if cell.task is None:
            broken = cell.stage.digest if error and cell.stage else ""
            return Ended(cell=cell, error=error, whole=error is not None, broken=broken)
        record = cell.system.record(cell.cache)
        evidence = Evidence(system=record, place=cell.place, provenance=collect(device="cpu", dtype="float32"))
        made = result_of(FakeTask(cell.task.name, "accuracy", 5), skill=0.5, revision=cell.task.info.revision)
        measured = None if error else Measured(results=(made,))
        ended = Ended(cell=cell, evidence=evidence, measured=measured, error=error, whole=isinstance(error, ProofError))
        self.again.append(ended)  # at least once
        return ended

    def cancel(self) -> None:
        self.cancelled = True


def run(tiny_base: Path, store: Store, engine: FakeEngine, *variants: str, **options) -> tuple[Failure, ...]:
    return execute(plan(request(tiny_base, *variants), store), store, Ear(), command="test", engine=engine, **options)


@pytest.fixture(autouse=True)
def _shared_stage() -> None:
    """An eleventh variant has the first stage of the tenth, and goes on from it otherwise."""
    stage = "{kind: %s, examples: 40, steps: %d, batch_size: 8, max_length: 16, learning_rate: 1.0e-3}"
    stages = f"[{stage % ('simcse', 3)}, {stage % ('supcon', 2)}]"
    write_card(Path("model_cards"), "eleventh", f"stages: {stages}\nstep_from: ninth\n")


def test_a_stage_that_several_systems_share_is_one_cell(tiny_base: Path, store: Store) -> None:
    cells = cells_of(plan(request(tiny_base, "ninth", "tenth", "eleventh"), store), stages=True)
    stages = [cell for cell in cells if cell.stage is not None]
    assert [cell.what for cell in stages] == [
        "ninth (seed 0) · simcse", "eleventh (seed 0) · supcon", "tenth (seed 0) · supcon",
    ]  # fmt: skip
    first = stages[0].number
    assert [cell.after for cell in stages] == [frozenset(), {first}, {first}]
    waits = {cell.label: cell.after for cell in cells if cell.task is not None}
    assert waits == {
        "causal": frozenset(), "ninth (seed 0)": {first},
        "eleventh (seed 0)": {first, stages[1].number}, "tenth (seed 0)": {first, stages[2].number},
    }  # fmt: skip
    whole = cells_of(plan(request(tiny_base, "ninth", "tenth"), store), stages=False)
    assert all(cell.stage is None and not cell.after for cell in whole)


def test_stages_that_are_trained_in_one_folder_wait_for_each_other(tiny_base: Path, store: Store) -> None:
    cells = cells_of(plan(request(tiny_base, "ninth@until=1", "ninth@until=2", "ninth"), store), stages=True)
    first, second, third = [cell for cell in cells if cell.stage is not None]
    assert (second.after, third.after) == ({first.number}, {second.number})


@pytest.mark.parametrize("places", [3, *(pytest.param(each, marks=pytest.mark.slow) for each in (1, 100))])
def test_nothing_begins_before_what_it_waits_for(tiny_base: Path, store: Store, places: int) -> None:
    engine = FakeEngine(places=places)
    assert run(tiny_base, store, engine, "ninth", "tenth") == ()
    order = engine.begun.index
    assert order("ninth (seed 0) · simcse") < order("tenth (seed 0) · supcon")
    for task in ("SmallSTS", "SmallClassification"):
        assert order("ninth (seed 0) · simcse") < order(f"ninth (seed 0) · {task}")
        assert order("tenth (seed 0) · supcon") < order(f"tenth (seed 0) · {task}")
    assert len(engine.begun) == len(set(engine.begun)) == 8
    assert engine.cancelled
    assert len(store.scores(current=False)) == 6  # each came twice
    assert len(store.runs()) == 3
    assert all(each.finished_at is not None for each in store.runs())


@pytest.mark.slow
def test_what_fails_keeps_no_other_from_being_measured(tiny_base: Path, store: Store) -> None:
    """A stage that fails ends the systems that have it; a task, itself; a proof in a task, its system."""
    broken = FakeEngine(fails=lambda cell: NOT_FINITE if cell.what == "ninth (seed 0) · simcse" else None)
    failed = run(tiny_base, store, broken, "ninth", "tenth", "bidir")
    assert sorted(each.what for each in failed) == ["ninth (seed 0)", "tenth (seed 0)"]
    assert "tenth (seed 0) · supcon" not in broken.begun
    assert {system.variant for system in store.systems()} == {"causal", "bidir"}
    with pytest.raises(HarnessError, match="not finite"):  # none that was named
        run(tiny_base, store, broken, "ninth", "tenth")
    assert broken.cancelled
    one = FakeEngine(places=1, fails=lambda cell: NOT_FINITE if cell.what == "ninth (seed 0) · SmallSTS" else None)
    assert [each.what for each in run(tiny_base, store, one, "ninth")] == ["SmallSTS on ninth (seed 0)"]
    assert "ninth (seed 0) · SmallClassification" in one.begun
    proof = FakeEngine(places=1, fails=lambda cell: ProofError("no") if "tenth" in cell.what and cell.task else None)
    assert [each.what for each in run(tiny_base, store, proof, "tenth")] == ["SmallSTS on tenth (seed 0)"]
    assert "tenth (seed 0) · SmallClassification" not in proof.begun


@pytest.mark.slow
def test_a_strict_run_and_an_interrupted_one_cancel_what_is_at_work(tiny_base: Path, store: Store) -> None:
    strict = FakeEngine(fails=lambda cell: NOT_FINITE if cell.stage else None)
    with pytest.raises(HarnessError, match="not finite"):
        run(tiny_base, store, strict, "ninth", strict=True)
    assert strict.cancelled

    def interrupt(cell: RunCell) -> None:
        if cell.task is not None and cell.label == "bidir":
            raise KeyboardInterrupt

    stopped = FakeEngine(places=1, fails=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_base, store, stopped, "bidir")
    assert stopped.cancelled
    assert set(store.scores()["task"]) == {"SmallSTS", "SmallClassification"}  # of the causal base
    going_on = FakeEngine()
    assert run(tiny_base, store, going_on, "bidir") == ()
    assert going_on.begun == ["bidir · SmallSTS", "bidir · SmallClassification"]


@pytest.mark.slow
def test_what_was_stored_meanwhile_does_not_begin(tiny_base: Path, store: Store) -> None:
    wanted = plan(request(tiny_base, "bidir"), store)
    run(tiny_base, store, FakeEngine(), "bidir")
    late = FakeEngine()
    execute(wanted, store, None, command="test", engine=late)
    assert late.begun == []


@pytest.mark.slow
def test_each_machine_has_a_run_of_its_own(tiny_base: Path, store: Store) -> None:
    class Elsewhere(FakeEngine):
        def wait(self) -> Ended:
            ended = super().wait()
            if ended.evidence is None or ended.cell.turn[0] == 1:
                return ended
            provenance = ended.evidence.provenance.model_copy(update={"device_name": "another"})
            return replace(ended, evidence=replace(ended.evidence, provenance=provenance))

    run(tiny_base, store, Elsewhere(), "causal")
    assert sorted(each.provenance.device_name == "another" for each in store.runs()) == [False, True]
    assert PLACE.device == "cpu"
