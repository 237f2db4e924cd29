"""What is asked for × what the store lacks ─▶ jobs. Planning knows no torch and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bases import Base, resolve_base
from harness.cards import READ_WITH, get_card, load_cards
from harness.compare.entries import names_of
from harness.errors import HarnessError
from harness.models import Model, resolve_model
from harness.outcomes import TaskKey
from harness.records import System
from harness.run.shard import Shard
from harness.run.systems import AnySystem, Floor, PlannedSystem, check_recipes_of, plan_systems
from harness.suites.catalog import choose_suite, open_tasks
from harness.suites.dev import check_dev_task
from harness.suites.mteb import Choice
from harness.suites.retention import choose_text
from harness.suites.retention.text import OnText, RetentionText
from harness.suites.task import Suite, Task, TaskOptions

if TYPE_CHECKING:
    from harness.encoder.placement import Placement
    from harness.store import Store

# Raise when the evaluation code changes what the same system scores; stored results of another version are redone.
EVALUATION_VERSION = "1"
CAUSAL_BASE = "causal"  # the variant that every other one of its base is compared with


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What the user asked for, as typed. Without `variants` no base is opened: `models` alone are measured.

    With `shard` only that part of it is measured.
    """

    base: str
    variants: tuple[str, ...]
    models: tuple[str, ...] = ()
    suite: str = "mini"
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    data: tuple[tuple[str, str], ...] = ()
    choice: Choice | None = None
    data_dir: Path | None = None
    force: bool = False
    shard: Shard | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One system, how the store keeps it, and the tasks it still lacks. No other job of its plan has its `label`.

    `named` says whether it was asked for, and not brought along.
    """

    label: str
    system: AnySystem
    record: System
    named: bool = True
    missing: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What could not be measured: a task on a system, or with `task` "" a whole system, and why."""

    system: str
    task: str = ""
    error: HarnessError

    @property
    def reason(self) -> str:
        """The reason in a sentence."""
        return str(self.error)

    @property
    def what(self) -> str:
        return f"{self.task} on {self.system}" if self.task else self.system


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """Everything that a request comes down to; made before any work, so that bad input costs nothing.

    `cache` is the folder of trained stages. `failed` are systems that could not be planned, and what could not be
    measured when the plan was carried out.
    """

    base: Base | None  # None: nothing but reference models
    suite: Suite[Task]
    place: Placement
    cache: Path
    jobs: tuple[Job, ...]
    failed: tuple[Failure, ...] = ()

    @property
    def idle(self) -> bool:
        return not self.to_measure

    @property
    def to_measure(self) -> int:
        """How many results the store lacks; a task with several parts counts as one."""
        return sum(len(job.missing) for job in self.jobs)

    @property
    def summary(self) -> str:
        systems = [job.system for job in self.jobs if job.missing]
        stages = {
            stage.digest for each in systems if isinstance(each, PlannedSystem) for stage in each.untrained(self.cache)
        }
        return (
            f"{f'base {self.base.name}' if self.base else 'references'}: {len(systems)} systems, "
            f"{len(stages)} stages to train, {self.to_measure} results to measure, "
            f"on {self.place.device} in {self.place.dtype}"
        )

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the plan, the causal base among them, in ladder order."""
        systems = (job.system for job in self.jobs)
        return tuple(dict.fromkeys(each.card.variant for each in systems if isinstance(each, PlannedSystem)))

    @property
    def references(self) -> tuple[str, ...]:
        """The ids of the reference models in the plan."""
        return tuple(job.record.system_id for job in self.jobs if isinstance(job.system, Model))


def plan_run(request: RunRequest, store: Store, *, place: Placement, cache: Path) -> RunPlan:
    """Resolve names, add the causal base for the comparison, and see what the store lacks.

    Raises HarnessError for a name that is not known, and for options that do not fit what is asked for.
    """
    suite = choose_suite(request.suite, request.tasks)
    options = TaskOptions(choice=request.choice or None, data_dir=request.data_dir, cache=cache)
    tasks = open_tasks(suite.tasks, options)
    if request.data and not request.variants:
        raise HarnessError(f"--data {request.data[0][0]}=… is for variants, and only --model was given; leave it out")
    base, text, systems, failed = _variants(request, suite) if request.variants else (None, None, [], [])
    systems += [_reference(name, suite) for name in dict.fromkeys(request.models)]
    if not systems:
        raise HarnessError("there is nothing to measure; name a variant or a model")
    if text is not None:
        tasks = [task.chosen(TaskOptions(text=text)) if isinstance(task, OnText) else task for task in tasks]
    records = [each.record(cache) for each in systems]
    names = names_of(records)
    jobs = [
        Job(
            label=names[record.system_id][1] if isinstance(each, Model) else each.label,
            system=each,
            record=record,
        )
        for each, record in zip(systems, records, strict=True)
    ]
    mine: Sequence[Sequence[Task]] = [tasks] * len(systems)
    if request.shard is not None:
        if failed:  # a part that lacks a system is cut elsewhere than the other parts
            raise HarnessError(
                f"--shard needs every system on every machine, and {failed[0].what} is not here: {failed[0].reason}"
            )
        mine = request.shard.share(systems, tasks)
    jobs = [_with_missing(job, each, request, store, place) for job, each in zip(jobs, mine, strict=True)]
    return RunPlan(base=base, suite=suite, place=place, cache=cache, jobs=tuple(jobs), failed=tuple(failed))


def _variants(
    request: RunRequest, suite: Suite[Task]
) -> tuple[Base, RetentionText | None, list[AnySystem], list[Failure]]:
    cards = load_cards()
    named = {name: get_card(name, cards) for name in request.variants}
    if CAUSAL_BASE in cards:
        named[CAUSAL_BASE] = cards[CAUSAL_BASE]
    base = resolve_base(request.base)
    check_recipes_of(base, cards)
    data = dict(request.data)
    text = choose_text(suite.tasks, base=base.recipes_of, source=data.pop("retention", None))
    asked = {name: place for place, name in enumerate(request.variants)}
    # A stage that stops early comes before the whole one, which goes on from there.
    in_order = sorted(named, key=lambda name: (list(cards).index(name.partition(READ_WITH)[0]), asked.get(name, -1)))
    chosen = [named[name].with_data(data, base.recipes_of) for name in in_order]
    systems: list[AnySystem] = []
    failed: list[Failure] = []
    if suite.floor is not None:
        name, make = suite.floor
        systems.append(Floor(label=name, base=base, make=make))
    for card in chosen:
        layer = card.recipe_for(base.recipes_of).layer
        if isinstance(layer, str):
            check_dev_task(layer)
        try:
            systems += plan_systems(base, [card], request.seeds)
        except HarnessError as error:  # the card's data or adapter is not there
            failed.append(Failure(system=card.variant, error=error))
            if data or {each.variant for each in chosen} - {CAUSAL_BASE} <= {each.system for each in failed}:
                raise
    return base, text, systems, failed


def _reference(name: str, suite: Suite[Task]) -> Model:
    kept = sorted(task.name for task in suite.tasks if isinstance(task, OnText))
    if kept:
        raise HarnessError(f"{name} is not a causal language model, so {kept[0]} cannot be measured on it")
    return resolve_model(name)


def _with_missing(job: Job, tasks: Sequence[Task], request: RunRequest, store: Store, place: Placement) -> Job:
    # --force is about what was named: the floor and the causal base that are brought along are not measured again.
    named = job.record.variant in request.variants or isinstance(job.system, Model)
    done = set() if request.force and named else stored(store, job.record, place)
    return replace(job, named=named, missing=tuple(left for task in tasks if (left := lacking(task, done)) is not None))


def lacking(task: Task, done: set[TaskKey]) -> Task | None:
    """The task with those of its splits and subsets that are not `done`; None if all are."""
    info = task.info
    here = {key.part for key in done if (key.task, key.revision) == (info.name, info.revision)}
    if not info.parts:
        return None if here else task
    parts = tuple(part for part in info.parts if part not in here)
    return task.only(parts) if parts else None


def stored(store: Store, record: System, place: Placement) -> set[TaskKey]:
    """What `store` holds results for, of the system `record` at `place`."""
    return set(store.done(record.system_id, dtype=place.dtype, device=place.device, evaluation=EVALUATION_VERSION))
