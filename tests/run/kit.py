"""Runs on small tasks, and a listener that remembers."""

from __future__ import annotations

from pathlib import Path

from harness.encoder.placement import Placement
from harness.paths import cache_folder
from harness.run.loop import execute
from harness.run.plan import RunPlan, RunRequest, plan_run
from harness.store import Store
from tests.suites.small import SmallClassification, SmallSTS

PLACE = Placement(device="cpu", dtype="float32")
SMALL = {"SmallSTS": SmallSTS, "SmallClassification": SmallClassification}


class Ear:
    """A Listener that remembers."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.results: list[tuple[str, str]] = []
        self.proofs: list[str] = []
        self.notes: list[str] = []

    def begin(self, plan, store) -> None: ...

    def begun(self, cell) -> None: ...

    def ended(self, cell) -> None: ...

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


def request(base: Path, *variants: str, tasks: tuple[str, ...] = tuple(SMALL), **more) -> RunRequest:
    return RunRequest(base=str(base), variants=variants, tasks=tasks, **more)


def go(wanted: RunRequest, store: Store, **options) -> Ear:
    ear = Ear()
    execute(plan(wanted, store), store, ear, command="test", force=wanted.force, **options)
    return ear


def plan(wanted: RunRequest, store: Store, place: Placement = PLACE) -> RunPlan:
    return plan_run(wanted, store, place=place, cache=cache_folder())
