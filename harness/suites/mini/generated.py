"""The suite's tasks on sentences: mteb's own kinds of task, whose sentences are generated when they are loaded."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

from mteb.abstasks.abstask import AbsTask
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata

from harness.mini.lexicon import Lexicon, load_lexicon
from harness.suites.mini import SUITE, Draw, MiniTask

Splits = Mapping[str, Mapping[str, list[Any]]]  # split -> column -> values
Write = Callable[[Lexicon, random.Random], Splits]
N_TRAIN, N_TEST = 240, 1500  # sentences of a classification task
_MAIN_SCORE = {"spearman": "cosine_spearman", "accuracy": "accuracy", "v_measure": "v_measure"}


class Generated(AbsTask):
    """What the kinds share; mteb samples, fits and scores as always."""

    def __init__(self, name: str, subtype: str, write: Write, *, draw: Draw = "test", **settings: Any) -> None:
        """`write` makes the splits of a draw; `settings` are attributes of mteb's kind of task."""
        self.called, self.subtype, self.write, self.draw = name, subtype, write, draw
        for setting, value in settings.items():
            setattr(self, setting, value)
        super().__init__()

    def __getattr__(self, name: str) -> Any:
        """Make the metadata, again whenever mteb has dropped what the object holds of it together with its data."""
        if name != "metadata":
            raise AttributeError(name)
        self.metadata = _metadata(SUITE.task(self.called).drawn(self.draw), self.subtype)
        return self.metadata

    def load_data(self, **_: Any) -> None:
        """Generate the splits."""
        from datasets import Dataset, DatasetDict

        splits = generate(self.write, f"{self.metadata.name}:{self.draw}")
        made = {split: Dataset.from_dict(dict(columns)) for split, columns in splits.items()}
        self.dataset = {"default": DatasetDict(made)}
        self.data_loaded = True


class GeneratedSTS(Generated, AbsTaskSTS):
    """Pairs of sentences: columns sentence1, sentence2, score (`min_score` to `max_score`)."""


class GeneratedClassification(Generated, AbsTaskClassification):
    """Training and test sentences: columns text, label."""


class GeneratedClustering(Generated, AbsTaskClustering):
    """Sentences: columns sentences, labels."""


@cache
def generate(write: Write, seed: str) -> Splits:
    """What `write` makes from `seed`, once a process: every system gets a task object of its own."""
    return write(load_lexicon(), random.Random(seed))


def labelled(
    write: Callable[[Lexicon, random.Random, int, int], tuple[list[str], list[Any]]],
    lexicon: Lexicon,
    rng: random.Random,
) -> Splits:
    """The splits of a classification task.

    `write` makes n sentences and their labels of one half of the words: 0 is for training, 1 for testing.
    """
    splits = {}
    for half, (split, n) in enumerate((("train", N_TRAIN), ("test", N_TEST))):
        texts, labels = write(lexicon, rng, n, half)
        splits[split] = {"text": texts, "label": labels}
    return splits


def _metadata(task: MiniTask, subtype: str) -> TaskMetadata:
    """Full metadata. The path is no hub data set: `load_data` makes the examples."""
    task_type: Literal["STS", "Classification", "Clustering"] = task.task_type  # type: ignore[assignment]
    subtypes: Any = [subtype]
    return TaskMetadata(
        name=task.name,
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
        task_subtypes=subtypes,
        license="apache-2.0",
        annotations_creators="derived",
        dialect=[],
        sample_creation="created",
        bibtex_citation="",
        contributed_by="harness",
    )
