"""What a task is to the rest of the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from harness.outcomes import TaskResult

if TYPE_CHECKING:
    from harness.encoder.language_model import LanguageModel


class TaskEncoder(Protocol):
    """What a task may ask of a system."""

    def for_mteb(self) -> Any:
        """The system as mteb's EncoderProtocol."""

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """(layers, N, D) float32 vectors of the words at character `spans` of `texts`.

        Encoders of variants take more (harness.suites.words.reading.WordReader).
        """

    def language_model(self) -> LanguageModel:
        """The causal language model inside; HarnessError where there is none."""


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """A task as `harness ls tasks` shows it; cheap, no data loaded.

    `parts` are the splits and subsets it gives a result for; empty where it gives one, whatever that is called.
    """

    name: str
    task_type: str
    metric: str
    revision: str
    about: str
    parts: tuple[tuple[str, str], ...] = ()


class Task(Protocol):
    """One data set with one metric. `run` is deterministic and returns one result per split and subset."""

    @property
    def info(self) -> TaskInfo: ...

    def run(self, encoder: TaskEncoder) -> list[TaskResult]: ...
