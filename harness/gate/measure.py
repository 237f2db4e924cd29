"""Rows of the gate: a variant as it is measured everywhere, or one text at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from harness.bases import resolve_base
from harness.encoder.placement import Placement
from harness.gate.declared import Single
from harness.outcomes import TaskResult
from harness.reference.answers import asked_hash
from harness.run.loop import execute
from harness.run.measure import measure
from harness.run.open import Listener, open_system
from harness.run.plan import CAUSAL_BASE, RunRequest, plan_run
from harness.run.systems import Floor, plan_system
from harness.store import Store
from harness.suites.catalog import get_task

BASE, SUITE = "mini", "mini"


def _place() -> Placement:
    """Where golden results are measured, so that any machine can."""
    return Placement.choose("cpu", "float32")


def measure_variants(
    variants: Sequence[str],
    tasks: Sequence[str],
    store: Store,
    listener: Listener,
    *,
    cache: Path,
    base: str = BASE,
    suite: str = SUITE,
) -> None:
    """Train, prove and measure `variants` of `base` on `tasks` of `suite` into `store`, as `harness run` does."""
    request = RunRequest(base=base, variants=tuple(variants), suite=suite, tasks=tuple(tasks))
    plan = plan_run(request, store, place=_place(), cache=cache)
    jobs = tuple(job for job in plan.jobs if job.record.kind == "variant" and job.record.variant in variants)
    execute(replace(plan, jobs=jobs), store, listener, command="harness regress", strict=True)


def measure_one_by_one(single: Single, tasks: Sequence[str], listener: Listener, *, cache: Path) -> list[TaskResult]:
    """Measure `single.variant` on its tasks (those of them in `tasks`), each text in a batch of its own."""
    planned = plan_system(single.variant, resolve_base(BASE))
    encoder = open_system(planned, place=_place(), cache=cache).encoder
    chosen = [name for name in single.tasks if name in tasks]
    results: list[TaskResult] = []
    for number, name in enumerate(chosen, start=1):
        label = f"{planned.label}, one by one"
        listener.task(label, name, number, len(chosen))
        with encoder.computed_otherwise(batch_size=1) as alone:
            measured = measure(alone, get_task(name))
        for result in measured.results:
            listener.result(label, result)
        results += measured.results
    return results


def ask(store: Store, listener: Listener) -> dict[str, pd.DataFrame]:
    """Let the suite's floor answer into `store`; return its outcomes by their hash: the questions, needing no model."""
    request = RunRequest(base=BASE, variants=(CAUSAL_BASE,), suite=SUITE)
    plan = plan_run(request, store, place=_place(), cache=Path())  # nothing is trained
    jobs = tuple(job for job in plan.jobs if isinstance(job.system, Floor))
    execute(replace(plan, jobs=jobs), store, listener, command="", strict=True)
    answered = [store.outcomes(results=[result]).drop(columns="result") for result in store.scores()["result"]]
    return {asked_hash(outcomes): outcomes for outcomes in answered}
