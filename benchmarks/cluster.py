"""A simulated study on the Ray engine: cells that sleep and give outcomes of real size, on fake GPUs of one machine.

python benchmarks/cluster.py                                       # 1 to 32 processes, cells of 2 s
python benchmarks/cluster.py --store 10800 --outcomes 1852         # how quickly the command alone stores
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from harness.encoder.placement import Placement
from harness.engines.cluster import RayEngine
from harness.engines.connect import import_ray
from harness.engines.member import Member, NodeCheck
from harness.engines.wire import Reply
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.provenance import collect
from harness.records import Provenance, System
from harness.run.cells import Ended, RunCell
from harness.run.loop import execute
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.run.plan import Job, RunPlan
from harness.run.systems import Floor
from harness.store import Store
from harness.suites.task import ListedTask, Suite

PLACE = Placement(device="cpu", dtype="float32")
WANTED = "wanted"  # a file that says how many processes wait for each other before the first cell


@dataclass(frozen=True, kw_only=True)
class SleepingTask(ListedTask):
    """A task that takes so many seconds on any system, and gives so many outcomes."""

    seconds: float
    outcomes: int

    @property
    def revision(self) -> str:
        return "1"

    def run(self, encoder: object) -> list[TaskResult]:
        """Sleep; about half of the answers are right, others for each task."""
        time.sleep(self.seconds)
        number = np.arange(self.outcomes)
        right = np.random.default_rng(zlib.crc32(self.name.encode())).random(self.outcomes) < 0.5
        columns = {
            "example_id": [f"example-{each}" for each in number],
            "gold_label": np.where(number % 2, "yes", "no"),
            "predicted_label": np.where((number % 2 == 1) == right, "yes", "no"),
        }
        rows = make_outcomes(columns, self.outcomes)
        key = TaskKey(task=self.name, split="test", subset="default", revision="1", metric=self.metric)
        score = score_outcomes(self.metric, rows)
        return [TaskResult(key=key, task_type=self.task_type, score=score, outcomes=rows, seconds=self.seconds)]


def asleep(cell: RunCell, provenance: Provenance) -> Ended:
    """What comes of `cell`."""
    evidence = Evidence(system=cell.system.record(cell.cache), place=PLACE, provenance=provenance)
    return Ended(cell=cell, evidence=evidence, measured=Measured(results=tuple(cell.task.run(None))))


class Sleeper(Member):
    """A process that opens nothing."""

    def work(self, cell: RunCell, *, smaller: bool) -> Reply:
        """Sleep."""
        return Reply(ended=asleep(cell, Provenance(version=1)))


class Together(Sleeper):
    """All begin together, so that their start is not in the time."""

    def problem(self, asked: NodeCheck) -> str:
        """Wait for the others."""
        folder = asked.mark.parent
        (folder / f"ready-{id(self)}-{psutil.Process().pid}").touch()
        while len(list(folder.glob("ready-*"))) < int((folder / WANTED).read_text()):
            time.sleep(0.1)
        return ""


@dataclass
class AtOnce:
    """An engine whose cells take no time: what is left is the command's own work."""

    stages: bool = False
    cells: list[RunCell] = field(default_factory=list)
    provenance: Provenance = field(default_factory=lambda: collect(device="cpu", dtype="float32"))

    def start(self, plan: RunPlan, listener: Any) -> None: ...

    def choose(self, ready: Collection[RunCell]) -> RunCell | None:
        """The first."""
        return next(iter(ready), None) if not self.cells else None

    def submit(self, cell: RunCell) -> None:
        """Keep it."""
        self.cells.append(cell)

    def wait(self) -> Ended:
        """What comes of it."""
        return asleep(self.cells.pop(), self.provenance)

    def cancel(self) -> None: ...


class Timed(RayEngine):
    """The Ray engine, with the time from its first cell to the end of its last."""

    began = ended = 0.0

    def submit(self, cell: RunCell) -> None:
        """Note when the first cell begins."""
        self.began = self.began or time.perf_counter()
        super().submit(cell)

    def wait(self) -> Ended | None:
        """Note when a cell ends."""
        found = super().wait()
        self.ended = time.perf_counter()
        return found


def study(cells: int, *, seconds: float, outcomes: int, cache: Path) -> RunPlan:
    """A plan of so many cells, sixty tasks a system."""
    tasks = [
        SleepingTask(name=f"Task{number}", task_type="Classification", metric="accuracy", about="", seconds=seconds,
                     outcomes=outcomes)
        for number in range(min(cells, 60))
    ]  # fmt: skip
    systems = [
        System(base="simulated", base_revision="1", variant=f"system-{n}", kind="baseline")
        for n in range(-(-cells // len(tasks)))
    ]
    jobs = [
        Job(label=each.variant, system=Simulated(label=each.variant, base=None, make=None), record=each,
            missing=tuple(tasks[: cells - 60 * number]))
        for number, each in enumerate(systems)
    ]  # fmt: skip
    suite = Suite(name="simulated", about="", tasks=tuple(tasks))
    return RunPlan(base=None, suite=suite, place=PLACE, cache=cache, jobs=tuple(jobs))


class Simulated(Floor):
    """A system of which nothing is opened."""

    def record(self, cache: Path) -> System:
        """As in the plan."""
        return System(base="simulated", base_revision="1", variant=self.label, kind="baseline")


def main() -> None:
    """Print a row for each number of processes, or what the store takes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--workers", default="1,2,4,8,16,32", help="numbers of processes, comma-separated")
    options.add_argument("--seconds", type=float, default=2.0, help="how long a cell sleeps")
    options.add_argument("--cells", type=int, default=8, help="cells a process")
    options.add_argument("--outcomes", type=int, default=1852, help="outcomes a cell")
    options.add_argument("--store", type=int, default=0, help="store so many cells that take no time")
    asked = options.parse_args()
    from machine import described  # imports torch, which a process that sleeps does not need

    print(described("cpu"))
    if asked.store:
        print_stored(asked.store, asked.outcomes)
        return
    print("| processes | cells | s | of the ideal | CPU of the command | its memory, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for workers in map(int, asked.workers.split(",")):
        print_speed(workers, asked)


def print_speed(workers: int, asked: argparse.Namespace) -> None:
    """One row of the table."""
    ray = import_ray(alone=True)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    ray.init(
        address="local", num_cpus=workers, num_gpus=workers, include_dashboard=False, log_to_driver=False,
        configure_logging=False, _memory=workers * 10**9,
    )  # fmt: skip
    here, cells = psutil.Process(), workers * asked.cells
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, WANTED).write_text(str(workers))
        engine = Timed(cell="gpus=1,cpus=1,memory=0.1", member=Together)
        plan = study(cells, seconds=asked.seconds, outcomes=asked.outcomes, cache=Path(folder))
        before = here.cpu_times()
        failed = execute(plan, Store(Path(folder, "results.duckdb")), None, command="benchmark", engine=engine)
        assert not failed, failed
        after, took = here.cpu_times(), engine.ended - engine.began
    ray.shutdown()
    used = after.user + after.system - before.user - before.system
    share = cells * asked.seconds / workers / took
    print(
        f"| {workers} | {cells} | {took:.1f} | {share:.0%} | {used / took:.0%} | {here.memory_info().rss / 1e6:.0f} |",
        flush=True,
    )


def print_stored(cells: int, outcomes: int) -> None:
    """How quickly the command stores, and what it takes, at each tenth of the study."""
    here = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.duckdb")
        plan, began, said = study(cells, seconds=0, outcomes=outcomes, cache=Path(folder)), time.perf_counter(), 0
        print("| cells | outcomes | s | cells/s | outcomes/s | CPU ms a cell | memory, MB | database, MB |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        step = max(1, len(plan.jobs) // 10)
        for first in range(0, len(plan.jobs), step):
            jobs, start, cpu = plan.jobs[first : first + step], time.perf_counter(), time.process_time()
            execute(replace(plan, jobs=jobs), Store(path), None, command="benchmark", engine=AtOnce())
            used, memory = time.process_time() - cpu, here.memory_info().rss
            now, fresh = time.perf_counter(), sum(len(job.missing) for job in jobs)
            said += fresh
            print(
                f"| {said} | {said * outcomes} | {now - began:.0f} | {fresh / (now - start):.1f} | "
                f"{fresh * outcomes / (now - start):.0f} | {1000 * used / fresh:.0f} | {memory / 1e6:.0f} | "
                f"{path.stat().st_size / 1e6:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
