"""What is asked for × what the store lacks ─▶ jobs. Planning knows no torch and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bases import Base, resolve_base
from harness.cards import get_card, load_cards
from harness.errors import HarnessError
from harness.models import resolve_model
from harness.outcomes import TaskKey
from harness.records import System
from harness.run.systems import AnySystem, Floor, PlannedSystem, ReferenceModel, plan_systems
from harness.suites import retention
from harness.suites.catalog import Suite, choose_suite, is_mteb, make_task, task_info
from harness.suites.mteb import Choice
from harness.suites.retention.text import RetentionText, choose_text
from harness.suites.task import Task, TaskInfo
from harness.suites.words import choose_word_data

if TYPE_CHECKING:
    from harness.encoder.placement import Placement
    from harness.store import Store
    from harness.suites.words.data.folder import WordData

# Raise when the evaluation code changes what the same system scores; stored results of another version are redone.
EVALUATION_VERSION = "1"
CAUSAL_BASE = "causal"  # the variant that every other one of its base is compared with


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What the user asked for, as typed. Without `variants` no base is opened: `models` alone are measured."""

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


@dataclass(frozen=True, kw_only=True)
class Job:
    """One system, how the store keeps it, and the tasks it still lacks."""

    system: AnySystem
    record: System
    missing: tuple[TaskInfo, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """Everything that a request comes down to; made before any work, so that bad input costs nothing.

    `cache` is the folder of trained stages.
    """

    base: Base | None  # None: nothing but reference models
    suite: Suite
    place: Placement
    cache: Path
    jobs: tuple[Job, ...]
    text: RetentionText | None = None  # what the retention tasks among `suite.tasks` are measured on
    choice: Choice | None = None  # of subsets of mteb's tasks
    words: WordData | None = None  # what its word-level tasks are measured on

    @property
    def idle(self) -> bool:
        """Whether all of it is stored already."""
        return not any(job.missing for job in self.jobs)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the plan, the causal base among them, in ladder order."""
        systems = (job.system for job in self.jobs)
        return tuple(dict.fromkeys(each.card.variant for each in systems if isinstance(each, PlannedSystem)))

    @property
    def references(self) -> tuple[str, ...]:
        """The names of the reference models in the plan."""
        return tuple(job.system.label for job in self.jobs if isinstance(job.system, ReferenceModel))

    def task(self, info: TaskInfo) -> Task:
        """The task that measures the splits and subsets of `info`."""
        subsets = tuple(dict.fromkeys(subset for _, subset in info.parts))
        choice = Choice(subsets=subsets) if info.parts else self.choice
        return make_task(info.name, text=self.text, words=self.words, choice=choice)


def plan_run(request: RunRequest, store: Store, *, place: Placement, cache: Path) -> RunPlan:
    """Resolve names, add the causal base for the comparison, and see what the store lacks.

    Raises HarnessError for a name that is not known, and for options that do not fit what is asked for.
    """
    suite = choose_suite(request.suite, request.tasks)
    choice = request.choice or None
    if choice and not any(map(is_mteb, suite.tasks)):
        raise HarnessError("--languages and --subsets choose among the subsets of mteb tasks, and none is asked for")
    if request.data and not request.variants:
        raise HarnessError(
            f"--data {request.data[0][0]}=… is for variants, and only models are asked for; leave it out"
        )
    words = choose_word_data(suite.tasks, request.data_dir)
    base, text, systems = _variants(request, suite) if request.variants else (None, None, [])
    systems += [_reference(name, suite) for name in dict.fromkeys(request.models)]
    if not systems:
        raise HarnessError("nothing is asked for; name a variant or a model")
    infos = [task_info(name, text=text, choice=choice) for name in suite.tasks]
    jobs = [Job(system=each, record=each.record(cache)) for each in systems]
    jobs = [_with_missing(job, infos, request, store, place) for job in jobs]
    return RunPlan(
        base=base, suite=suite, place=place, cache=cache, jobs=tuple(jobs), text=text, words=words, choice=choice
    )


def _variants(request: RunRequest, suite: Suite) -> tuple[Base, RetentionText | None, list[AnySystem]]:
    cards = load_cards()
    wanted = {get_card(name, cards).variant for name in request.variants}
    if CAUSAL_BASE in cards:
        wanted.add(CAUSAL_BASE)
    base = resolve_base(request.base)
    data = dict(request.data)
    text = choose_text(suite.tasks, base=base.name, source=data.pop("retention", None))
    chosen = [card.with_data(data, base.name) for card in cards.values() if card.variant in wanted]
    systems: list[AnySystem] = []
    if suite.baseline is not None:
        name, make = suite.baseline
        systems.append(Floor(label=name, base=base, make=make))
    return base, text, systems + plan_systems(base, chosen, request.seeds)


def _reference(name: str, suite: Suite) -> ReferenceModel:
    kept = sorted({*suite.tasks} & {*retention.task_names()})
    if kept:
        raise HarnessError(f"{name} is no causal language model of a base, so {kept[0]} cannot be measured on it")
    return ReferenceModel(model=resolve_model(name))


def _with_missing(job: Job, infos: Sequence[TaskInfo], request: RunRequest, store: Store, place: Placement) -> Job:
    # --force is about what was named: the floor and the causal base that are brought along are not measured again.
    named = job.record.variant in request.variants or isinstance(job.system, ReferenceModel)
    done = set() if request.force and named else _done(store, job.record, place)
    return replace(job, missing=tuple(left for info in infos if (left := _left(info, done)) is not None))


def lacking(info: TaskInfo, store: Store, system: System, place: Placement) -> TaskInfo | None:
    """The task with those of its splits and subsets that `store` holds no result for; None if it holds all."""
    return _left(info, _done(store, system, place))


def _left(info: TaskInfo, done: set[TaskKey]) -> TaskInfo | None:
    here = {(key.split, key.subset) for key in done if (key.task, key.revision) == (info.name, info.revision)}
    if not info.parts:
        return None if here else info
    parts = tuple(part for part in info.parts if part not in here)
    return replace(info, parts=parts) if parts else None


def _done(store: Store, record: System, place: Placement) -> set[TaskKey]:
    return set(store.done(record.system_id, dtype=place.dtype, device=place.device, evaluation=EVALUATION_VERSION))
