"""How far a run is, and how long the rest takes: training, opening and measuring, each by its own pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import mean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.outcomes import TaskResult
    from harness.run.cells import RunCell
    from harness.run.plan import RunPlan
    from harness.store import Store
    from harness.training.lineage import PlannedStage
    from harness.training.watch import Step

TaskName = tuple[str, str]  # label of the system, name of the task
_LATE = 1.5  # a task that takes so many times as long as foreseen is on a slow system
_SHORT_S = 10.0  # of a shorter time no pace of a system is taken


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a run: `seconds` of what can be foreseen, and the names in `unknown` of what cannot."""

    seconds: float
    unknown: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Forecast:
    """Hears what begins and ends in a run.

    A task takes as long as it took on another system, or else so many seconds a text as the tasks that were measured. A
    stage takes so many seconds an example as stages of its kind. `task_s` and `example_s` are what was seen before this
    run. What was never seen is not foreseen; nor is what is left on a system once a task takes much longer there (one
    that reads every text in several prompts). When that task has ended, the others on this system take as much longer.

    Of a cell that is carried out in this process it hears when its training, its opening and its task begin. Of one
    that is carried out elsewhere (`near` is False) it knows when it began and ended: the mean time of the cells of a
    task has their share of the openings. What is left is divided by the number of cells that are at work at once.
    """

    tasks: dict[TaskName, int | None]  # that are left, in order, with what they say that they cost
    stages: dict[str, PlannedStage]  # that are left, by digest
    opening: set[str]  # labels of systems that are not open yet
    task_s: dict[str, float] = field(default_factory=dict)
    example_s: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.all_tasks, self.all_stages = len(self.tasks), len(self.stages)
        self._began = self._task_began = self._stage_began = self.clock()
        self._seen: dict[str, list[float]] = {}  # seconds of each task on several systems
        self._texts = (0, 0.0)  # of tasks that have ended: texts, seconds
        self._paces: dict[str, tuple[float, float]] = {}  # of each system: seconds foreseen, and seconds taken
        self._apart = 0.0  # seconds in tasks and in training
        self._opened = 0
        self._task: TaskName | None = None
        self._stage: tuple[PlannedStage, Step | None, float] | None = None
        self.near = False
        self._cells: dict[int, tuple[RunCell, float]] = {}  # at work, with when they began
        self._measured: set[TaskName] = set()

    @classmethod
    def of(cls, plan: RunPlan, store: Store) -> Forecast:
        """That of `plan`, with the paces of the same base, device and dtype in `store`."""
        from harness.run.systems import PlannedSystem

        jobs = [job for job in plan.jobs if job.missing]
        stages = [s for job in jobs if isinstance(job.system, PlannedSystem) for s in job.system.untrained(plan.cache)]
        tasks = {(job.label, task.name): task.cost for job in jobs for task in job.missing}
        found = cls(
            tasks=tasks, stages={stage.digest: stage for stage in stages}, opening={job.label for job in jobs}
        )  # fmt: skip
        if not store.path.exists():
            return found
        base = plan.base.name if plan.base else ""
        rows = store.scores(diagnostics=True, dtype=plan.place.dtype, device=plan.place.device)
        same = (rows["base"] == base) & (rows["dtype"] == plan.place.dtype) & (rows["device"] == plan.place.device)
        took = rows[same].groupby(["task", "run_id"])["seconds"].sum().groupby("task").median()
        found.task_s.update({str(task): float(seconds) for task, seconds in took.items()})
        paces: dict[str, list[float]] = {}
        for stage in store.stages().values():
            examples = (stage.recipe.steps or 0) * (stage.recipe.batch_size or 0)
            if stage.seconds and examples and (stage.base.get("name"), stage.device) == (base, plan.place.device):
                paces.setdefault(stage.kind, []).append(stage.seconds / examples)
        found.example_s.update({kind: median(each) for kind, each in paces.items()})
        return found

    @property
    def done_tasks(self) -> int:
        return self.all_tasks - len(self.tasks)

    @property
    def done_stages(self) -> int:
        return self.all_stages - len(self.stages)

    @property
    def at_work(self) -> str:
        """The cells at work, as a person reads it; empty where there are none."""
        first, *others = [cell.what for cell, _ in self._cells.values()] or [""]
        return f"{first} and {len(others)} more" if others else first

    def begun(self, cell: RunCell) -> None:
        """`cell` is at work."""
        self._cells[cell.number] = cell, self.clock()

    def ended(self, cell: RunCell) -> None:
        """`cell` has ended: measured, failed, or stored by another process before it began."""
        _, began = self._cells.pop(cell.number, (cell, None))
        took = None if began is None or self.near else self.clock() - began
        if cell.stage is not None:
            examples = _examples(cell.stage)
            if self.stages.pop(cell.stage.digest, None) is not None and took is not None and examples:
                self.example_s[cell.stage.stage.kind] = took / examples
            return
        key = cell.label, cell.task.name if cell.task else ""
        cost = self.tasks.pop(key, None)
        if key == self._task:  # it has failed
            self._apart, self._task = self._apart + self.clock() - self._task_began, None
        if took is not None and key in self._measured:
            self._add(key[1], took, cost)

    def stage(self, planned: PlannedStage) -> None:
        """`planned` begins to be trained in this process."""
        self.near = True
        self._end_stage()
        self._stage, self._stage_began = (planned, None, self.clock()), self.clock()

    def step(self, step: Step) -> None:
        """The stage that is trained has done a step."""
        if self._stage is not None:
            self._stage = (self._stage[0], step, self.clock())
            planned, left = self._stage[0], (step.total - step.done) * getattr(self._stage[0].stage, "batch_size", 0)
            if left:
                self.example_s[planned.stage.kind] = step.left_s / left
            if step.done >= step.total:
                self._end_stage()

    def task(self, label: str, name: str) -> None:
        """A task begins in this process, on an open system."""
        self.near = True
        self._end_stage()
        key = label, name
        if label in self.opening:
            self.opening.discard(label)
            self._opened += 1
        self._task, self._task_began = key, self.clock()

    def result(self, label: str, result: TaskResult) -> None:
        """A task has given a result."""
        key = label, result.key.task
        if not self.near:
            self._measured.add(key)
            return
        cost = self.tasks.pop(key, None)
        took = self.clock() - self._task_began if key == self._task else result.seconds
        if key == self._task:
            self._apart, self._task = self._apart + took, None
            foreseen, taken = self._paces.get(label, (0.0, 0.0))
            if (expected := self._of_task(key[1], cost)) is not None:
                self._paces[label] = foreseen + expected, taken + took
        elif key[1] in self._seen:
            return  # another part of the same task
        self._add(key[1], took, cost)

    def left(self) -> Left:
        """What is left now."""
        now = self.clock()
        seconds, unknown = 0.0, []
        at_work = dict(self._far(now))
        for planned in self.stages.values():
            took = self._of_stage(planned, now)
            seconds += max(0.0, (took or 0.0) - at_work.get(planned.digest, 0.0))
            unknown += [f"training {planned.stage.kind}"] if took is None else []
        slow = self._slow(now)
        for (label, name), cost in self.tasks.items():
            took = self._of_task(name, cost)
            if took is None or label == slow:
                unknown.append(name)
                continue
            took *= self._factor(label)
            if (label, name) == self._task:
                seconds += max(0.0, took - (now - self._task_began))
            else:
                seconds += max(0.0, took - at_work.get((label, name), 0.0))
        if self._opened:
            apart = self._apart + (now - self._task_began if self._task else 0.0)
            apart += now - self._stage_began if self._stage else 0.0
            seconds += len(self.opening) * max(0.0, now - self._began - apart) / self._opened
        return Left(seconds=seconds / max(1, len(at_work)), unknown=tuple(dict.fromkeys(unknown)))

    def _factor(self, label: str) -> float:
        """How many times as long as foreseen the tasks on a system take."""
        foreseen, taken = self._paces.get(label, (0.0, 0.0))
        return taken / foreseen if foreseen >= _SHORT_S else 1.0

    def _slow(self, now: float) -> str | None:
        """The system at work, if its task takes far longer than foreseen."""
        if self._task is None or self._task not in self.tasks:
            return None
        label, name = self._task
        took = (self._of_task(name, self.tasks[self._task]) or 0.0) * self._factor(label)
        return label if took >= _SHORT_S and now - self._task_began > _LATE * took else None

    def _far(self, now: float) -> Iterator[tuple[str | TaskName, float]]:
        """The cells at work elsewhere, with how long each has been."""
        for cell, began in self._cells.values() if not self.near else ():
            key = cell.stage.digest if cell.stage else (cell.label, cell.task.name if cell.task else "")
            yield key, now - began

    def _add(self, name: str, took: float, cost: int | None) -> None:
        """A task with so many texts took so long."""
        self._seen.setdefault(name, []).append(took)
        if cost:
            self._texts = (self._texts[0] + cost, self._texts[1] + took)

    def _of_task(self, name: str, cost: int | None) -> float | None:
        if name in self._seen:
            return median(self._seen[name]) if self.near else mean(self._seen[name])
        if name in self.task_s:
            return self.task_s[name]
        texts, took = self._texts
        return cost * took / texts if cost and texts else None

    def _of_stage(self, planned: PlannedStage, now: float) -> float | None:
        if self._stage is not None and self._stage[0].digest == planned.digest and self._stage[1] is not None:
            return max(0.0, self._stage[1].left_s - (now - self._stage[2]))
        examples = _examples(planned)
        pace = self.example_s.get(planned.stage.kind)
        return 0.0 if not examples else None if pace is None else pace * examples

    def _end_stage(self) -> None:
        if self._stage is None:
            return
        (planned, step, _), self._stage = self._stage, None
        took = self.clock() - self._stage_began
        self._apart += took
        self.stages.pop(planned.digest, None)
        if step is not None and (done := (step.done - step.first) * getattr(planned.stage, "batch_size", 0)):
            self.example_s[planned.stage.kind] = took / done


def _examples(planned: PlannedStage) -> int:
    return planned.stage.total_steps * int(getattr(planned.stage, "batch_size", 0))
