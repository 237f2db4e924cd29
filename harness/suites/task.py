"""What a task is to the rest of the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult


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

    def run(self, encoder: TextEncoder) -> list[TaskResult]: ...
