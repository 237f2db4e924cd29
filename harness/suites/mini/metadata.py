"""What the suite's sentence tasks tell mteb about themselves, and how they make their data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from mteb.abstasks.task_metadata import TaskMetadata

from harness.suites.mini import SUITE, Draw

_MAIN_SCORE = {"spearman": "cosine_spearman", "accuracy": "accuracy", "v_measure": "v_measure"}


def sentence_metadata(name: str, subtypes: Sequence[str], draw: Draw = "test") -> TaskMetadata:
    """Full metadata of one sentence task. The path is no hub data set: `load_data` makes the examples."""
    task = SUITE.task(name).drawn(draw)
    task_type: Literal["STS", "Classification", "Clustering"] = task.task_type  # type: ignore[assignment]
    return TaskMetadata(
        name=name,
        description=f"{task.about[0].upper()}{task.about[1:]}. Generated English, held-out topics and words.",
        dataset={"path": task.data_path, "revision": task.revision},
        type=task_type,
        category="t2t" if task_type == "STS" else "t2c",
        reference=None,
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=_MAIN_SCORE[task.metric],
        date=("2026-01-01", "2026-12-31"),
        domains=["Constructed", "Written"],
        task_subtypes=list(subtypes),
        license="apache-2.0",
        annotations_creators="derived",
        dialect=[],
        sample_creation="created",
        bibtex_citation="",
        contributed_by="harness",
    )


def draw_rng(name: str, draw: Draw) -> random.Random:
    """The generator of one task's examples: another stream for each task and each draw."""
    return random.Random(f"{name}:{draw}")
