"""Rows of the gate: a variant as it is measured everywhere, or one text at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.bases import resolve_base
from harness.cards import get_card, load_cards
from harness.encoder.placement import Placement
from harness.gate.declared import Single
from harness.outcomes import TaskResult
from harness.run import BASELINE_VARIANT, Listener, RunRequest, execute, plan_run
from harness.store import Store
from harness.suites.catalog import make_task
from harness.systems import plan_systems

if TYPE_CHECKING:
    from harness.encoder.language_model import LanguageModel
    from harness.encoder.model import Encoder

BASE, SUITE = "mini", "mini"
PLACE = Placement(device="cpu", dtype="float32")  # where references are measured, so that any machine can


class OneByOne:
    """An encoder that is never given two texts at once."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def for_mteb(self) -> Any:
        """The system as mteb takes it, whatever batch size mteb asks for."""
        return self.encoder.for_mteb(batch_size=1)

    def language_model(self) -> LanguageModel:
        """As Encoder.language_model."""
        return self.encoder.language_model()

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """As Encoder.word_vectors."""
        return self.encoder.word_vectors(texts, spans, batch_size=1)


@contextmanager
def own_cache() -> Iterator[None]:
    """Train in an empty cache that goes away: a stage trained by yesterday's code is not what today's code makes."""
    before = os.environ.get("HARNESS_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["HARNESS_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["HARNESS_CACHE"]
            else:
                os.environ["HARNESS_CACHE"] = before


def measure(variants: Sequence[str], tasks: Sequence[str], store: Store, listener: Listener) -> None:
    """Train, prove and measure `variants` of the embedded base on `tasks` into `store`, as `harness run` does."""
    plan = plan_run(RunRequest(base=BASE, variants=tuple(variants), suite=SUITE, tasks=tuple(tasks)), store, PLACE)
    jobs = tuple(job for job in plan.jobs if job.planned is not None and job.record.variant in variants)
    execute(replace(plan, jobs=jobs), store, listener, command="harness regress")


def measure_one_by_one(single: Single, tasks: Sequence[str], listener: Listener) -> list[TaskResult]:
    """Measure `single.variant` on its tasks (those of them in `tasks`), each text in a batch of its own."""
    (planned,) = plan_systems(resolve_base(BASE), [get_card(single.variant, load_cards())], [0])
    planned.train(PLACE.device, lambda stage: listener.stage(planned.label, stage))
    encoder = OneByOne(planned.encoder(PLACE))
    chosen = [name for name in single.tasks if name in tasks]
    results: list[TaskResult] = []
    for number, name in enumerate(chosen, start=1):
        label = f"{planned.label}, one by one"
        listener.task(label, name, number, len(chosen))
        for result in make_task(name).run(encoder):
            listener.result(label, result)
            results.append(result)
    return results


def ask(store: Store, listener: Listener) -> dict[str, pd.DataFrame]:
    """Let the suite's baseline answer into `store`; return its outcomes by task: the questions, needing no model."""
    plan = plan_run(RunRequest(base=BASE, variants=(BASELINE_VARIANT,), suite=SUITE), store, PLACE)
    execute(replace(plan, jobs=tuple(job for job in plan.jobs if job.planned is None)), store, listener, command="")
    scores = store.scores()
    return {
        row["task"]: store.outcomes(results=[row["result"]]).drop(columns="result") for row in scores.to_dict("records")
    }
