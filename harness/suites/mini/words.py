"""What a word task asks of an encoder and what it hands back."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes, shown_texts
from harness.suites.mini import Draw
from harness.suites.task import TaskInfo

N_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class WordItem:
    """One sentence, or two, with the same `word`, and the gold answer.

    Items of one `unit` are one unit in every resampling. `fold` is the fold it is tested in, where that is settled when
    it is written.
    """

    example_id: str
    texts: tuple[str, ...]
    word: str
    unit: str
    gold: str | float
    fold: int = 0


@dataclass(frozen=True, kw_only=True)
class WordItems:
    """A task on words: `write` makes the items of a draw, `read` turns an encoder's vectors of them into outcomes.

    An item may give several outcomes, one for every position read.
    """

    draw: Draw = "test"
    write: Callable[[Draw], Sequence[WordItem]]
    read: Callable[[Sequence[WordItem], TextEncoder], pd.DataFrame]

    @cached_property
    def items(self) -> Sequence[WordItem]:
        """The examples, made when first asked for."""
        return self.write(self.draw)

    def measure(self, task: TaskInfo, encoder: TextEncoder) -> TaskResult:
        """Read the words with `encoder`; the score is the metric of `task` over the outcomes."""
        began = time.monotonic()
        outcomes = self.read(self.items, encoder)
        return TaskResult(
            key=TaskKey(task=task.name, split="test", subset="default", revision=task.revision, metric=task.metric),
            task_type=task.task_type,
            score=score_outcomes(task.metric, outcomes),
            outcomes=outcomes,
            seconds=time.monotonic() - began,
            texts=text_hashes(text for item in self.items for text in item.texts),
            # an outcome's example is its item, in the order in which they were written
            shown=shown_texts(outcomes["example_id"].unique(), (" ⟷ ".join(item.texts) for item in self.items)),
        )


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


def spread_over_folds(items: Sequence[WordItem]) -> np.ndarray:
    """A fold for each item, (N,): that of its unit, folds as equal as can be."""
    units = sorted({item.unit for item in items})
    random.Random(0).shuffle(units)
    folds = {unit: i % N_FOLDS for i, unit in enumerate(units)}
    return np.array([folds[item.unit] for item in items])


def outcomes_of(items: Sequence[WordItem], layer: int, **columns: object) -> pd.DataFrame:
    """An outcome for each item, read at `layer`; `columns` are the answers."""
    who: dict[str, object] = {
        "example_id": [item.example_id for item in items],
        "unit": [item.unit for item in items],
        "trial": 0,
        "layer": layer,
    }
    return make_outcomes(who | columns, len(items))
