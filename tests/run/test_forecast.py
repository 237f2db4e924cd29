"""The time left of a run whose pieces take known times, and what a run says of itself to another terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.run.forecast import Forecast, Left
from harness.run.status import RunStatus, process_start, read_status, status_file, sweep, write_status
from harness.store import Store
from harness.training.watch import Step
from tests.factory import TASKS, add_system
from tests.run.kit import plan, request

OPEN_S, TASK_S, STEP_S = 4.0, {"A": 10.0, "B": 30.0}, 2.0
STEPS = {"one": 50, "two": 100}  # of batches of 8; no stage of its kind was timed before


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def stage(name: str, kind: str = "mntp"):
    return SimpleNamespace(digest=name, stage=SimpleNamespace(kind=kind, total_steps=STEPS[name], batch_size=8))


def result(name: str):
    return SimpleNamespace(key=SimpleNamespace(task=name), seconds=TASK_S[name])


def cell(label: str, task: str = "", *, stage: object = None, number: int = 0):
    return SimpleNamespace(
        number=number, label=label, stage=stage, task=SimpleNamespace(name=task) if task else None,
        what=f"{label} · {task}",
    )  # fmt: skip


def forecast(clock: Clock, **more) -> Forecast:
    return Forecast(
        tasks={(label, task): cost for label in ("causal", "one", "two") for task, cost in (("A", 100), ("B", 300))},
        stages={name: stage(name) for name in STEPS},
        opening={"causal", "one", "two"},
        clock=clock,
        **more,
    )


def test_the_time_left_covers_training_opening_and_measuring() -> None:
    """Of a run whose pieces are timed with a clock of our own; what it says after each piece is compared with it."""
    clock = Clock()
    found = forecast(clock)
    assert found.left() == Left(seconds=0.0, unknown=("training mntp", "A", "B")), "nothing was seen yet"
    said = []

    def measure(label: str) -> None:
        clock.now += OPEN_S
        for name in TASK_S:
            found.task(label, name)
            clock.now += TASK_S[name]
            found.result(label, result(name))
            found.result(label, result(name))  # another part of it
            said.append((clock.now, found.left()))

    measure("causal")
    assert said[0][1].unknown == ("training mntp",), "a task that was never measured takes its texts' time"
    for name, steps in STEPS.items():
        found.stage(stage(name))
        for done in range(1, steps + 1):
            clock.now += STEP_S
            left_s = STEP_S * (steps - done)
            found.step(Step(done=done, total=steps, first=0, loss=None, examples_per_s=4.0, left_s=left_s))
            said.append((clock.now, found.left()))
        measure(name)
    known = [(moment, left) for moment, left in said if not left.unknown]
    assert len(known) > 100
    for moment, left in known:
        assert left.seconds == pytest.approx(clock.now - moment, rel=0.1, abs=0.01)
    assert (found.done_tasks, found.done_stages) == (6, 2)
    assert found.left() == Left(seconds=0.0)


def test_what_fails_or_is_stored_by_others_is_not_waited_for() -> None:
    clock = Clock()
    found = forecast(clock, task_s=dict(TASK_S), example_s={"mntp": STEP_S / 8})
    assert found.left().seconds == sum(STEPS.values()) * STEP_S + 3 * sum(TASK_S.values())
    for label, task in list(found.tasks)[:-1]:
        found.ended(cell(label, task))
    for name in STEPS:
        found.ended(cell(name, stage=stage(name)))
    found.task("two", "B")
    assert list(found.tasks) == [("two", "B")]
    clock.now += 5
    assert found.left() == Left(seconds=25.0)
    clock.now += 100
    assert found.left().seconds == 0


def test_a_system_that_reads_more_is_not_promised_the_pace_of_another() -> None:
    clock = Clock()
    tasks: dict[tuple[str, str], int | None] = {("eight prompts", name): None for name in ("A", "B", "C")}
    found = Forecast(tasks=tasks, stages={}, opening=set(), task_s={**TASK_S, "C": 20.0}, clock=clock)
    found.task("eight prompts", "A")
    clock.now += 10
    assert found.left() == Left(seconds=50.0)
    clock.now += 6
    assert found.left() == Left(seconds=0.0, unknown=("A", "B", "C"))
    clock.now += 64
    found.result("eight prompts", result("A"))
    assert found.left() == Left(seconds=8 * 50.0)
    found.task("eight prompts", "B")
    clock.now += 100
    assert found.left() == Left(seconds=8 * 50.0 - 100)


def test_the_time_left_knows_how_many_cells_are_at_work_at_once() -> None:
    """Two stages, then 40 tasks by four processes elsewhere, of which nothing is heard but that they begin and end."""
    clock, places = Clock(), 4
    labels = [f"system {number}" for number in range(20)]
    found = Forecast(
        tasks=dict.fromkeys((label, task) for label in labels for task in TASK_S),
        stages={name: stage(name) for name in STEPS}, opening=set(labels), clock=clock,
    )  # fmt: skip
    stages = [cell(name, stage=stage(name), number=number) for number, name in enumerate(STEPS)]
    tasks = [cell(label, task, number=9 + 2 * n + k) for n, label in enumerate(labels) for k, task in enumerate(TASK_S)]
    took = {each.number: OPEN_S + TASK_S[each.task.name] for each in tasks}
    took |= {each.number: STEP_S * each.stage.stage.total_steps for each in stages}
    waiting, at_work, said = [*stages, *tasks], [], []
    while waiting or at_work:
        while waiting and len(at_work) < places and (waiting[0].stage or not any(each.stage for _, each in at_work)):
            begun = waiting.pop(0)
            at_work.append((clock.now + took[begun.number], begun))
            found.begun(begun)
        said.append((clock.now, found.left(), len(waiting)))
        at_work.sort(key=lambda each: each[0])
        clock.now, ended = at_work.pop(0)
        if ended.task:
            found.result(ended.label, result(ended.task.name))
        found.ended(ended)
    assert said[0][1].unknown == ("training mntp", "A", "B")
    known = [(moment, left.seconds) for moment, left, more in said if not left.unknown and more]
    assert len(known) > 30
    for moment, left in known:
        assert left == pytest.approx(clock.now - moment, rel=0.15, abs=OPEN_S + TASK_S["B"])
    assert (found.done_tasks, found.done_stages) == (40, 2)
    assert found.at_work == ""


def test_what_is_at_work_is_told_in_a_line() -> None:
    found = forecast(Clock())
    for number, label in enumerate(("causal", "one", "two")):
        found.begun(cell(label, "A", number=number))
    assert found.at_work == "causal · A and 2 more"


def test_paces_come_from_the_store(tiny_base: Path, store: Store) -> None:
    asked = plan(request(tiny_base, "bidir", "ninth"), store)
    assert Forecast.of(asked, store).left().unknown[:1] == ("training simcse",)
    assert asked.base is not None
    with store.together():
        add_system(store, "other", base=asked.base.name, tasks=TASKS[:1])
        add_system(store, "other", base="elsewhere", tasks=TASKS[1:2])
    assert Forecast.of(asked, store).task_s == {"MiniSTS": 0.5}


STATUS = RunStatus(
    host=os.uname().nodename, pid=os.getpid(), started_at=process_start(os.getpid()), command="harness run --all",
    began=time.time(), written=time.time(), tasks=(3, 26), stages=(1, 4), doing="bidir · MiniSTS", left_s=240.0,
    unknown=("training simcse",),
)  # fmt: skip


def test_a_status_is_read_back_and_a_dead_writer_is_recognised() -> None:
    database = Path("results.duckdb")
    status = replace(STATUS, written=time.time())
    write_status(status_file(database), status)
    assert [each for _, each in read_status(database)] == [status]
    assert status.state == "running"
    assert sweep(database) == []
    dead = subprocess.Popen([sys.executable, "-c", "print()"], stdout=subprocess.PIPE)
    killed = replace(STATUS, pid=dead.pid, started_at=process_start(dead.pid))
    dead.communicate()
    assert killed.state == "ended"
    assert replace(STATUS, started_at="1").state == "ended", "another process has its number now"
    write_status(Path(".results.duckdb.x.1.running"), killed)
    assert sweep(database) == [killed]
    assert [path.name for path, _ in read_status(database)] == [status_file(database).name]
    elsewhere = replace(status, host="node-7", pid=1)
    assert elsewhere.state == "running"
    assert replace(elsewhere, written=time.time() - 600).state == "silent"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tasks": 1}', json.dumps({"pid": 1, "tasks": [1, 2]})])
def test_what_is_no_status_is_left_out(text: str) -> None:
    Path(".results.duckdb.x.1.running").write_text(text)
    assert read_status(Path("results.duckdb")) == []
