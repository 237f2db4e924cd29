"""The mini suite: tasks in the embedded English, labels true by construction, held-out topics and words only.

This module is cheap: it names the tasks and imports neither mteb nor torch until a task is made.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import HarnessError, near_names
from harness.suites.lookup import entry_named

Draw = Literal["dev", "test"]
DRAWS: tuple[Draw, ...] = ("dev", "test")
SUITE_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class MiniTaskEntry:
    """A task of the suite before it is made. `made_by` is its module in this room and what takes a draw there."""

    name: str
    task_type: str
    metric: str
    about: str
    made_by: tuple[str, str]

    @property
    def is_word_task(self) -> bool:
        """Whether the task reads word vectors; the others are mteb tasks on sentence embeddings."""
        return self.task_type not in {"STS", "Classification", "Clustering"}


def _entry(name: str, task_type: str, metric: str, module: str, about: str) -> MiniTaskEntry:
    return MiniTaskEntry(name=name, task_type=task_type, metric=metric, about=about, made_by=(module, name))


TASKS: tuple[MiniTaskEntry, ...] = (
    _entry("MiniSTS", "STS", "spearman", "sts", "graded similarity of two events, from their meanings"),
    _entry("MiniParaphrase", "STS", "spearman", "sts", "the same event or a near miss, at equal word overlap"),
    _entry("MiniRoles", "STS", "spearman", "sts", "who did it to whom, with the same words in every pair"),
    _entry(
        "MiniTopicClassification",
        "Classification",
        "accuracy",
        "topics",
        "topic of two of three nouns, chance 1/12",
    ),
    _entry(
        "MiniSentimentClassification",
        "Classification",
        "accuracy",
        "sentiment",
        "good or bad, through negation",
    ),
    _entry(
        "MiniTopicClustering",
        "Clustering",
        "v_measure",
        "topics",
        "12 topics, one noun in a neutral sentence",
    ),
    _entry("MiniWiCLeft", "WiC", "accuracy", "wic", "same sense of a homonym? The cue stands before it"),
    _entry("MiniWiCRight", "WiC", "accuracy", "wic", "same sense of a homonym? The cue stands after it"),
    _entry("MiniAnimacyBefore", "ContextProbe", "accuracy", "context", "is the coming word animate? chance 1/2"),
    _entry("MiniAnimacyAfter", "ContextProbe", "accuracy", "context", "was the word before animate? chance 1/2"),
    _entry("MiniDomainBefore", "ContextProbe", "accuracy", "context", "topic of the coming word, chance 1/12"),
    _entry("MiniDomainAfter", "ContextProbe", "accuracy", "context", "topic of the word before, chance 1/12"),
    _entry("MiniNorms", "NormRegression", "pearson", "norms", "how heavy a thing is, in its context"),
)


def task_names() -> tuple[str, ...]:
    """The names of the suite's tasks, sentence tasks first."""
    return tuple(entry.name for entry in TASKS)


def task_entry(name: str) -> MiniTaskEntry:
    """The entry of the task called `name`. Raises HarnessError if there is none."""
    return entry_named(name, TASKS, of="the mini suite")


def make_task(name: str, draw: Draw = "test") -> Any:
    """A fresh task object: an mteb task for sentence tasks, an object with `run(encoder)` for word tasks.

    `draw` picks the examples: everything that is reported uses `test`; `dev` is for choosing hyperparameters.
    """
    entry = task_entry(name)
    if draw not in DRAWS:
        raise HarnessError(f"the mini suite has no draw {draw!r}; {near_names(draw, DRAWS)}")
    module, maker = entry.made_by
    return getattr(importlib.import_module(f"{__name__}.{module}"), maker)(draw=draw)


def task_revision(draw: Draw = "test") -> str:
    """What identifies the examples: suite version, draw, and the version of the language."""
    from harness.mini.corpus import data_version

    return f"{SUITE_VERSION}.{draw}.{data_version()[:12]}"
