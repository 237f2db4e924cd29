"""A plan, carried out: open each system, measure its missing tasks, record each as it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, ProofError
from harness.run.measure import measure
from harness.run.open import Listener, OpenSystem, open_system
from harness.run.plan import Failure, Job, RunPlan, lacking
from harness.run.record import record_run, record_task
from harness.run.systems import PlannedSystem
from harness.training.processes import Processes

if TYPE_CHECKING:
    from harness.store import Store


def execute(
    plan: RunPlan,
    store: Store,
    listener: Listener | None,
    *,
    command: str,
    force: bool = False,
    strict: bool = False,
) -> tuple[Failure, ...]:
    """Train, prove and measure what is missing. Each task is stored as it ends; a kill loses at most one task.

    A task that fails, or a system that cannot be trained, opened or proven, does not keep the others from being
    measured: those that failed are returned. With `strict` the first one is raised. Raises HarnessError if the store
    cannot be written, and if none of the systems that were named could be opened.
    """
    if plan.idle:
        return ()
    if Processes.here().size > 1:
        raise HarnessError(
            "harness run works in one process; train with `accelerate launch -m harness train`, then "
            "give `harness run` alone"
        )
    store.ready()
    failed: list[Failure] = []
    broken: dict[str, HarnessError] = {}  # stages by digest: none is tried twice
    opened: set[bool] = set()  # of the systems that were named, and of those that were brought along
    unopened: list[HarnessError] = []
    for job in plan.jobs:
        if not job.missing:
            continue
        try:
            system = _open(job, plan, listener, broken)
            if not force:
                _same_weights(job, system, store)
        except HarnessError as error:
            if strict:
                raise
            _tell(listener, Failure(system=job.label, error=error), failed)
            unopened += [error] if job.named else []
            continue
        opened.add(job.named)
        for each in _execute(job, system, plan, store, listener, command=command, force=force, strict=strict):
            _tell(listener, each, failed)
    if unopened and True not in opened:
        raise unopened[0]
    return tuple(failed)


def _open(job: Job, plan: RunPlan, listener: Listener | None, broken: dict[str, HarnessError]) -> OpenSystem[Any]:
    system = job.system
    lineage = system.lineage if isinstance(system, PlannedSystem) else ()
    for stage in lineage:
        if stage.digest in broken:
            raise broken[stage.digest]
    try:
        return open_system(system, place=plan.place, cache=plan.cache, listener=listener)
    except HarnessError as error:
        if isinstance(system, PlannedSystem):
            broken |= {stage.digest: error for stage in system.untrained(plan.cache)[:1]}
        raise


def _same_weights(job: Job, opened: OpenSystem[Any], store: Store) -> None:
    """Raise HarnessError if results that count were measured with other weights than those that were opened."""
    here = opened.evidence.provenance.weights_sha256
    runs = {run.run_id: run.provenance for run in store.runs(system_id=job.record.system_id)} if here else {}
    rows = store.scores(diagnostics=True) if runs else None
    counted = set() if rows is None else set(rows[rows["system_id"] == job.record.system_id]["run_id"])
    if any(runs[run].weights_sha256 not in {None, here} for run in counted):
        raise HarnessError(
            f"the weights of {job.label} are not those whose results are stored: it was trained again, with another "
            "result; measure all of its tasks again with --force"
        )


def _tell(listener: Listener | None, failure: Failure, failed: list[Failure]) -> None:
    failed.append(failure)
    if listener is not None:
        where = f"{failure.system} · {failure.task}" if failure.task else failure.system
        listener.note(f"{where}: failed, {failure.reason}")


def _execute(
    job: Job,
    opened: OpenSystem[Any],
    plan: RunPlan,
    store: Store,
    listener: Listener | None,
    *,
    command: str,
    force: bool,
    strict: bool,
) -> Iterator[Failure]:
    label, evidence = job.label, opened.evidence
    run = record_run(store, evidence, suite=plan.suite.name, command=command)
    for number, task in enumerate(job.missing, start=1):
        # Another process may have measured it since the plan was made.
        left = task if force else lacking(task, store, evidence.system, plan.place)
        if left is None:
            continue
        if listener is not None:
            listener.task(label, task.name, number, len(job.missing))
        try:
            measured = measure(opened.encoder, left)
        except HarnessError as error:
            if strict:
                raise
            yield Failure(system=label, task=task.name, error=error)
            if isinstance(error, ProofError):  # a proof is about the system, not about the task
                return
            continue
        record_task(store, run, evidence, left.info, measured, again=force)
        if listener is None:
            continue
        if measured.cut:
            listener.note(f"{label} · {task.name}: {measured.cut}")
        for result in measured.results:
            listener.result(label, result)
    store.finish_run(run.run_id)
