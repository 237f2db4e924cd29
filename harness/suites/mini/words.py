"""What a word task asks of an encoder and what it hands back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, shown_texts
from harness.suites.mini import Draw, task_entry, task_revision
from harness.suites.task import TaskInfo

N_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class WordTask:
    """A word task: `write` makes the items of a draw, `read` turns an encoder's vectors of them into outcomes.

    An item gives its sentences as `texts`.
    """

    name: str
    draw: Draw
    write: Callable[[Draw], Any]
    read: Callable[[Any, TextEncoder], pd.DataFrame]

    @property
    def task_type(self) -> str:
        """The kind of task, as the suite lists it."""
        return task_entry(self.name).task_type

    @property
    def metric(self) -> str:
        """The metric that makes the score from the outcomes."""
        return task_entry(self.name).metric

    @property
    def revision(self) -> str:
        """What identifies the examples."""
        return task_revision(self.draw)

    @property
    def info(self) -> TaskInfo:
        """Name, type, metric, revision and a line about the task."""
        return TaskInfo(
            name=self.name,
            task_type=self.task_type,
            metric=self.metric,
            revision=self.revision,
            about=task_entry(self.name).about,
        )

    @cached_property
    def items(self) -> Any:
        """The examples, made when first asked for."""
        return self.write(self.draw)

    @property
    def n_examples(self) -> int:
        """How many examples there are; each may give several outcomes, one for every position read."""
        return len(self.items)

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Read the words with `encoder`; one result, whose score is the metric over its outcomes."""
        began = time.monotonic()
        outcomes = self.read(self.items, encoder)
        score = score_outcomes(self.metric, outcomes)
        key = TaskKey(task=self.name, split="test", subset="default", revision=self.revision, metric=self.metric)
        seconds = time.monotonic() - began
        return [
            TaskResult(
                key=key,
                task_type=self.task_type,
                score=score,
                outcomes=outcomes,
                seconds=seconds,
                texts=text_hashes(text for item in self.items for text in item.texts),
                # an outcome's example is its item, in the order in which they were written
                shown=shown_texts(outcomes["example_id"].unique(), (" ⟷ ".join(item.texts) for item in self.items)),
            )
        ]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Character spans (start, end) of the words of `text`, without punctuation."""
    return [match.span() for match in re.finditer(r"[A-Za-z]+", text)]


def span_of(text: str, word: str) -> tuple[int, int]:
    """The span of `word`, which must occur exactly once in `text`."""
    (span,) = [span for span in word_spans(text) if text[slice(*span)] == word]
    return span


def last_layer(encoder: TextEncoder, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, int]:
    """The vectors of the last layer, (N, D), and that layer's number."""
    vectors = encoder.word_vectors(texts, spans)
    return vectors[-1], len(vectors) - 1


def spread_over_folds(names: Sequence[str], rng: Any) -> dict[str, int]:
    """A fold for each of the distinct `names`, folds as equal as can be."""
    distinct = sorted(set(names))
    rng.shuffle(distinct)
    return {name: i % N_FOLDS for i, name in enumerate(distinct)}
