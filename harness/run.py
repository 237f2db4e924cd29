"""Systems × tasks ─▶ outcomes ─▶ store. What is stored already is not measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.bases import Base, resolve_base
from harness.cards import get_card, load_cards
from harness.compare import declared_contrasts
from harness.contamination import overlaps_of
from harness.errors import HarnessError
from harness.models import Model, resolve_model
from harness.outcomes import TaskKey, TaskResult
from harness.paths import cache_folder
from harness.records import Run, System
from harness.suites import retention
from harness.suites.catalog import Suite, choose_suite, is_mteb, make_task, task_info
from harness.suites.mteb import Choice
from harness.suites.retention.text import RetentionText, choose_text
from harness.suites.task import TaskEncoder, TaskInfo
from harness.suites.words import choose_word_data
from harness.systems import PlannedSystem, plan_systems
from harness.training.lineage import PlannedStage
from harness.training.manifests import read_stage, read_texts
from harness.training.processes import Processes
from harness.training.stages import stage_folder

if TYPE_CHECKING:
    from harness.encoder.attention import MaskProof
    from harness.encoder.model import Encoder
    from harness.encoder.placement import Placement
    from harness.encoder.reader import Reading
    from harness.store import Store
    from harness.suites.words.data.folder import WordData
    from harness.training.watch import OnStep

# Raise when the evaluation code changes what the same system scores; stored results of another version are redone.
EVALUATION_VERSION = "1"
BASELINE_VARIANT = "causal"


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


class Listener(Protocol):
    """Hears how a run goes; the CLI draws bars from it."""

    def note(self, message: str) -> None: ...
    def stage(self, label: str, planned: PlannedStage) -> OnStep: ...
    def proof(self, label: str, proof: MaskProof) -> None: ...
    def task(self, label: str, name: str, number: int, total: int) -> None: ...
    def reading(self, reading: Reading) -> None: ...
    def result(self, label: str, result: TaskResult) -> None: ...


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One system and the tasks it still lacks."""

    label: str
    record: System
    missing: tuple[TaskInfo, ...]
    planned: PlannedSystem | None = None  # of a variant
    model: Model | None = None  # of a reference; a suite's baseline has neither


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """Everything that a request comes down to; made before any work, so that bad input costs nothing."""

    base: Base | None  # None: nothing but references
    suite: Suite
    place: Placement
    jobs: tuple[_Job, ...]
    text: RetentionText | None = None  # what the retention tasks among `suite.tasks` are measured on
    choice: Choice | None = None  # of subsets of mteb's tasks
    words: WordData | None = None  # what its word-level tasks are measured on

    @property
    def idle(self) -> bool:
        """Whether all of it is stored already."""
        return not any(job.missing for job in self.jobs)

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in the plan, the baseline among them, in ladder order."""
        return tuple(dict.fromkeys(job.record.variant for job in self.jobs if job.planned))

    @property
    def references(self) -> tuple[str, ...]:
        """The names of the reference models in the plan."""
        return tuple(job.record.variant for job in self.jobs if job.model)


def plan_run(request: RunRequest, store: Store, place: Placement) -> RunPlan:
    """Resolve names, add the base's causal variant as the comparison, and see what the store lacks."""
    suite = choose_suite(request.suite, request.tasks)
    choice = request.choice or None
    if choice and not any(map(is_mteb, suite.tasks)):
        raise HarnessError("--languages and --subsets choose among the subsets of mteb tasks, and none is asked for")
    if request.data and not request.variants:
        raise HarnessError(
            f"--data {request.data[0][0]}=… is for variants, and only models are asked for; leave it out"
        )
    words = choose_word_data(suite.tasks, request.data_dir)
    base, text, jobs = _plan_variants(request, suite) if request.variants else (None, None, [])
    jobs += [_plan_reference(name, suite) for name in dict.fromkeys(request.models)]
    if not jobs:
        raise HarnessError("nothing is asked for; name a variant or a model")
    infos = [task_info(name, text=text, choice=choice) for name in suite.tasks]
    known = [_missing(job, infos, request, store, place) for job in jobs]
    return RunPlan(base=base, suite=suite, place=place, jobs=tuple(known), text=text, words=words, choice=choice)


def _plan_variants(request: RunRequest, suite: Suite) -> tuple[Base, RetentionText | None, list[_Job]]:
    cards = load_cards()
    wanted = {get_card(name, cards).variant for name in request.variants}
    if BASELINE_VARIANT in cards:
        wanted.add(BASELINE_VARIANT)
    base = resolve_base(request.base)
    data = dict(request.data)
    text = choose_text(suite.tasks, base=base.name, source=data.pop("retention", None))
    chosen = [card.with_data(data, base.name) for card in cards.values() if card.variant in wanted]
    jobs: list[_Job] = []
    if suite.baseline is not None:
        record = System(base=base.name, base_revision=base.revision, variant=suite.baseline[0], kind="baseline")
        jobs.append(_Job(label=suite.baseline[0], record=record, missing=()))
    for planned in plan_systems(base, chosen, request.seeds):
        jobs.append(_Job(label=planned.label, record=planned.record(), missing=(), planned=planned))
    return base, text, jobs


def _plan_reference(name: str, suite: Suite) -> _Job:
    kept = sorted({*suite.tasks} & {*retention.task_names()})
    if kept:
        raise HarnessError(f"{name} is no causal language model of a base, so {kept[0]} cannot be measured on it")
    model = resolve_model(name)
    record = System(
        base="",
        base_revision=model.sha256,
        variant=model.name,
        kind="reference",
        recipe={"title": "a model measured as it is", "model": model.name, "hub_commit": model.commit or None},
        folder=str(model.folder),
    )
    return _Job(label=model.name, record=record, missing=(), model=model)


def _missing(job: _Job, infos: Sequence[TaskInfo], request: RunRequest, store: Store, place: Placement) -> _Job:
    # The baseline and the comparison are never forced along: --force is about what was named.
    forced = request.force and (job.record.variant in request.variants or job.model is not None)
    done = set() if forced else _done(store, job.record, place)
    return replace(job, missing=tuple(left for info in infos if (left := _left(info, done)) is not None))


def _left(info: TaskInfo, done: set[TaskKey]) -> TaskInfo | None:
    """The task with those of its splits and subsets that are not done; None if all are."""
    here = {(key.split, key.subset) for key in done if (key.task, key.revision) == (info.name, info.revision)}
    if not info.parts:
        return None if here else info
    parts = tuple(part for part in info.parts if part not in here)
    return replace(info, parts=parts) if parts else None


def _done(store: Store, record: System, place: Placement) -> set[TaskKey]:
    return set(store.done(record.system_id, dtype=place.dtype, device=place.device, evaluation=EVALUATION_VERSION))


def execute(plan: RunPlan, store: Store, listener: Listener, *, command: str, force: bool = False) -> None:
    """Train, prove and measure what is missing. Each task is stored as it ends; a kill loses at most one task."""
    if plan.idle:
        return
    if Processes.here().size > 1:
        raise HarnessError(
            "a run measures in one process; train on several with `accelerate launch -m harness train`, then run alone"
        )
    store.ready()
    for job in plan.jobs:
        if job.missing:
            _execute(job, plan, store, listener, command, force=force)


def _execute(job: _Job, plan: RunPlan, store: Store, listener: Listener, command: str, *, force: bool) -> None:
    from harness.provenance import collect

    proof: MaskProof | None = None
    system: Encoder | None = None
    encoder: TaskEncoder
    if job.planned is not None:
        job.planned.train(plan.place.device, lambda planned: listener.stage(job.label, planned))
        system = job.planned.encoder(plan.place)
        proof = system.prove().require()
        listener.proof(job.label, proof)
        system.engine.watch = listener
        encoder = system
    elif job.model is not None:
        from harness.encoder.reference import build_reference

        model = job.model
        encoder = build_reference(
            model.folder, bare=model.bare, place=plan.place, name=model.name, revision=model.commit or model.sha256
        )
    else:
        assert plan.suite.baseline is not None
        assert plan.base is not None
        encoder = plan.suite.baseline[1](plan.base.folder)
    folders = [stage_folder(stage, cache_folder()) for stage in job.planned.lineage] if job.planned else []
    stages = [(read_stage(folder), read_texts(folder)) for folder in folders]
    store.add_stages([record for record, _ in stages])
    run = Run(
        system_id=store.add_system(job.record),
        suite=plan.suite.name,
        dtype=plan.place.dtype,
        device=plan.place.device,
        evaluation=EVALUATION_VERSION,
        provenance={
            **collect(device=plan.place.device, dtype=plan.place.dtype),
            "command": command,
            **({"encoding": system.engine.describe()} if system else {}),
            **({"weights_sha256": stages[-1][0].manifest.get("weights_sha256")} if stages else {}),
            "contrasts": declared_contrasts().sha256,
        },
        mask_proof=proof.to_dict() if proof else None,
    )
    store.add_run(run)
    for number, info in enumerate(job.missing, start=1):
        # Another process may have measured it since the plan was made.
        left = info if force else _left(info, _done(store, job.record, plan.place))
        if left is None:
            continue
        listener.task(job.label, info.name, number, len(job.missing))
        results = make_task(info.name, text=plan.text, words=plan.words, choice=_choice(left, plan.choice)).run(encoder)
        if system is not None and (cut := system.engine.take_cut()):
            listener.note(f"{job.label} · {info.name}: {cut}")
        # Before the results: a kill between the two must not leave a result whose overlap nobody counts any more.
        seen = [result.texts for result in results]
        store.add_overlaps(
            [
                overlap
                for record, texts in stages
                for overlap in overlaps_of(record, texts, task=info.name, revision=info.revision, texts=seen)
            ]
        )
        for result in results:
            store.add_result(run.run_id, result)
            listener.result(job.label, result)
    store.finish_run(run.run_id)


def _choice(info: TaskInfo, choice: Choice | None) -> Choice | None:
    """Only the subsets that are left of a task."""
    return Choice(subsets=tuple(dict.fromkeys(subset for _, subset in info.parts))) if info.parts else choice


def train_variant(
    variant: str, base: Base, *, seed: int, place: Placement, listener: Listener, data: dict[str, str]
) -> Path:
    """Train `variant` on `base` and return its last stage's folder, which plain `SentenceTransformer(folder)` opens."""
    card = get_card(variant, load_cards()).with_data(data, base.name)
    (planned,) = plan_systems(base, [card], [seed])
    if not planned.lineage:
        raise HarnessError(f"{variant} trains nothing; measure it with `harness run`, then `harness export` writes it")
    planned.train(place.device, lambda stage: listener.stage(planned.label, stage))
    if Processes.here().first:
        listener.proof(planned.label, planned.encoder(place).prove().require())
    return stage_folder(planned.lineage[-1], cache_folder())
