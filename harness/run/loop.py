"""A plan, carried out: open each system, measure its missing tasks, record each as it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.errors import HarnessError, ProofError
from harness.run.measure import measure
from harness.run.open import Listener, open_system
from harness.run.plan import FailedTask, Job, RunPlan, lacking
from harness.run.record import record_run, record_task
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
) -> tuple[FailedTask, ...]:
    """Train, prove and measure what is missing. Each task is stored as it ends; a kill loses at most one task.

    A task that fails does not keep the others from being measured: those that failed are returned. With `strict` the
    first one is raised. Raises HarnessError if the store cannot be written, and whatever opening a system raises.
    """
    if plan.idle:
        return ()
    if Processes.here().size > 1:
        raise HarnessError(
            "harness run works in one process; train with `accelerate launch -m harness train`, then "
            "give `harness run` alone"
        )
    store.ready()
    failed: list[FailedTask] = []
    for job in plan.jobs:
        if job.missing:
            failed += _execute(job, plan, store, listener, command=command, force=force, strict=strict)
    return tuple(failed)


def _execute(
    job: Job, plan: RunPlan, store: Store, listener: Listener | None, *, command: str, force: bool, strict: bool
) -> Iterator[FailedTask]:
    label = job.label
    opened = open_system(job.system, place=plan.place, cache=plan.cache, listener=listener)
    evidence = opened.evidence
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
            if strict or isinstance(error, ProofError):  # a proof is about the system, not about the task
                raise
            if listener is not None:
                listener.note(f"{label} · {task.name}: failed, {error}")
            yield FailedTask(system=label, task=task.name, reason=str(error))
            continue
        record_task(store, run, evidence, left.info, measured, again=force)
        if listener is None:
            continue
        if measured.cut:
            listener.note(f"{label} · {task.name}: {measured.cut}")
        for result in measured.results:
            listener.result(label, result)
    store.finish_run(run.run_id)
