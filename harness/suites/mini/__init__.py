"""The mini suite: tasks in the embedded English, labels true by construction, held-out topics and words only.

A task is a module of this room and its line in `TASKS`. This module is cheap: it names the tasks and imports neither
mteb nor torch until one is made.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError, near_names
from harness.outcomes import TaskResult
from harness.suites.task import ListedTask, Suite

Draw = Literal["dev", "test"]
DRAWS: tuple[Draw, ...] = ("dev", "test")
SUITE_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class MiniTask(ListedTask):
    """A task of the suite: in `module` of this room, what is called `name` makes a draw of it.

    That is an mteb task for tasks on sentences, WordItems for tasks on words (harness.suites.mini.words). `draw` picks
    the examples: everything that is reported uses `test`; `dev` is for choosing hyperparameters. `texts` is how many
    different texts `test` has.
    """

    module: str
    texts: int
    draw: Draw = "test"

    @property
    def is_word_task(self) -> bool:
        """Whether the task reads word vectors; the others are mteb tasks on sentence embeddings."""
        return self.task_type not in {"STS", "Classification", "Clustering"}

    @property
    def revision(self) -> str:
        """What identifies the examples: suite version, draw, and the version of the language."""
        from harness.mini.corpus import data_version

        return f"{SUITE_VERSION}.{self.draw}.{data_version()[:12]}"

    @property
    def cost(self) -> int:
        """As counted once; a test holds it to the examples."""
        return self.texts

    @property
    def data_path(self) -> str:
        """The package itself."""
        return f"harness/mini/{self.name}"

    def drawn(self, draw: Draw) -> MiniTask:
        """The same task on other examples. Raises HarnessError for a draw that does not exist."""
        if draw not in DRAWS:
            raise HarnessError(f"the mini suite has no draw {draw!r}; {near_names(draw, DRAWS)}")
        return replace(self, draw=draw)

    def make(self) -> Any:
        """A fresh object of what makes it, with the examples of the draw."""
        return getattr(importlib.import_module(f"{__name__}.{self.module}"), self.name)(draw=self.draw)

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure; one result."""
        if self.is_word_task:
            result: TaskResult = self.make().measure(self.info, encoder)
            return [result]
        from harness.suites.mteb import MtebTask

        return MtebTask(name=self.name, make=self.make).run(encoder)


def _task(name: str, task_type: str, metric: str, module: str, texts: int, about: str) -> MiniTask:
    return MiniTask(name=name, task_type=task_type, metric=metric, module=module, about=about, texts=texts)


TASKS: tuple[MiniTask, ...] = (
    _task("MiniSTS", "STS", "spearman", "pairs", 2608, "graded similarity of two events, from their meanings"),
    _task("MiniParaphrase", "STS", "spearman", "pairs", 3657, "the same event or a near miss, at equal word overlap"),
    _task("MiniRoles", "STS", "spearman", "pairs", 2022, "who did it to whom, with the same words in every pair"),
    _task(
        "MiniTopicClassification",
        "Classification",
        "accuracy",
        "topics",
        1740,
        "topic of two of three nouns, chance 1/12",
    ),
    _task(
        "MiniSentimentClassification", "Classification", "accuracy", "sentiment", 1740, "good or bad, through negation"
    ),
    _task(
        "MiniTopicClustering", "Clustering", "v_measure", "topics", 1200, "12 topics, one noun in a neutral sentence"
    ),
    _task("MiniWiCLeft", "WiC", "accuracy", "wic", 4494, "same sense of a homonym? The cue stands before it"),
    _task("MiniWiCRight", "WiC", "accuracy", "wic", 4487, "same sense of a homonym? The cue stands after it"),
    _task("MiniAnimacyBefore", "ContextProbe", "accuracy", "context", 1100, "is the coming word animate? chance 1/2"),
    _task("MiniAnimacyAfter", "ContextProbe", "accuracy", "context", 1100, "was the word before animate? chance 1/2"),
    _task("MiniDomainBefore", "ContextProbe", "accuracy", "context", 1920, "topic of the coming word, chance 1/12"),
    _task("MiniDomainAfter", "ContextProbe", "accuracy", "context", 1920, "topic of the word before, chance 1/12"),
    _task("MiniNorms", "NormRegression", "pearson", "norms", 1440, "how heavy a thing is, in its context"),
)


def _bag_of_words(folder: Path) -> TextEncoder:
    from harness.suites.mini.baseline import BagOfWords

    return BagOfWords(folder)


SUITE = Suite(
    name="mini",
    about="the embedded default: generated English, labels true by construction, held-out topics and words",
    tasks=TASKS,
    floor=("bag-of-words", _bag_of_words),
)
SUITES = (SUITE,)
