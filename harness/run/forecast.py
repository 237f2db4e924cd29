"""How far a run is, and how long the rest takes: training, opening and measuring, each by its own pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.outcomes import TaskResult
    from harness.run.plan import RunPlan
    from harness.store import Store
    from harness.training.lineage import PlannedStage
    from harness.training.watch import Step

TaskName = tuple[str, str]  # label of the system, name of the task


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a run: `seconds` of what can be foreseen, and the names in `unknown` of what cannot."""

    seconds: float
    unknown: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Forecast:
    """Hears what begins and ends in a run whose cells are done one after another, `width` at a time.

    A task takes as long as it took on another system, or else so many seconds a text as the tasks that were measured. A
    stage takes so many seconds an example as stages of its kind. `task_s` and `example_s` are what was seen before this
    run. What was never seen is not foreseen.
    """

    tasks: dict[TaskName, int | None]  # that are left, in order, with what they say that they cost
    stages: dict[str, PlannedStage]  # that are left, by digest
    opening: set[str]  # labels of systems that are not open yet
    task_s: dict[str, float] = field(default_factory=dict)
    example_s: dict[str, float] = field(default_factory=dict)
    width: int = 1
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.all_tasks, self.all_stages = len(self.tasks), len(self.stages)
        self._began = self._task_began = self._stage_began = self.clock()
        self._seen: dict[str, list[float]] = {}  # seconds of each task on several systems
        self._texts = (0, 0.0)  # of tasks that have ended: texts, seconds
        self._apart = 0.0  # seconds in tasks and in training
        self._opened = 0
        self._task: TaskName | None = None
        self._stage: tuple[PlannedStage, Step | None, float] | None = None

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

    def stage(self, planned: PlannedStage) -> None:
        """`planned` begins to be trained."""
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
        """A task begins on an open system. Those before it in order have ended, measured or not."""
        self._end_stage()
        key = label, name
        if key in self.tasks:
            for before in list(self.tasks)[: list(self.tasks).index(key)]:
                del self.tasks[before]
        if label in self.opening:
            self.opening.discard(label)
            self._opened += 1
        if self._task is not None:  # it has failed
            self._apart += self.clock() - self._task_began
        self._task, self._task_began = key, self.clock()

    def result(self, label: str, result: TaskResult) -> None:
        """A task has given a result."""
        key = label, result.key.task
        cost = self.tasks.pop(key, None)
        took = self.clock() - self._task_began if key == self._task else result.seconds
        if key == self._task:
            self._apart, self._task = self._apart + took, None
        elif key[1] in self._seen:
            return  # another part of the same task
        self._seen.setdefault(key[1], []).append(took)
        if cost:
            self._texts = (self._texts[0] + cost, self._texts[1] + took)

    def left(self) -> Left:
        """What is left now."""
        now = self.clock()
        seconds, unknown = 0.0, []
        for planned in self.stages.values():
            took = self._of_stage(planned, now)
            seconds += took or 0.0
            unknown += [f"training {planned.stage.kind}"] if took is None else []
        for (label, name), cost in self.tasks.items():
            took = self._of_task(name, cost)
            if took is None:
                unknown.append(name)
            elif (label, name) == self._task:
                seconds += max(0.0, took - (now - self._task_began))
            else:
                seconds += took
        if self._opened:
            apart = self._apart + (now - self._task_began if self._task else 0.0)
            apart += now - self._stage_began if self._stage else 0.0
            seconds += len(self.opening) * max(0.0, now - self._began - apart) / self._opened
        return Left(seconds=seconds / self.width, unknown=tuple(dict.fromkeys(unknown)))

    def _of_task(self, name: str, cost: int | None) -> float | None:
        if name in self._seen:
            return median(self._seen[name])
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
