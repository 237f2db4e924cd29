"""What a task and a suite are to the rest of the house."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError, near_names
from harness.outcomes import TaskPart, TaskResult

if TYPE_CHECKING:
    from harness.suites.mteb.loading import Choice
    from harness.suites.retention.text import RetentionText


_SIDES = ("Before", "At", "After", "Left", "Right")


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """A task as `harness ls tasks` shows it; cheap, no data loaded.

    `parts` are the splits and subsets it gives a result for; empty where it gives one, whatever that is called.
    `margin` (differences up to it count as none) and `chance` (what a guess scores) are in the unit of a stored score;
    None: the metric's own margin, and what follows from the gold answers.
    """

    name: str
    task_type: str
    metric: str
    revision: str
    about: str
    parts: tuple[TaskPart, ...] = ()
    margin: float | None = None
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """What a user chose beside the names of tasks. A task takes what is its own and ignores the rest.

    `text` is what the retention suite is measured on (None: the mini language), `choice` picks among the subsets of
    mteb's tasks (None: the English ones), `data_dir` holds the word-level data (None: where they are fetched to, in
    `cache`).
    """

    text: RetentionText | None = None
    choice: Choice | None = None
    data_dir: Path | None = None
    cache: Path | None = None


def data_of(task: str) -> str:
    """Return what the data of a task are called: tasks that read one side of the same texts each share them.

    >>> [data_of(name) for name in ("AnimacyBefore", "AnimacyAt", "MiniWiCLeft", "RG65")]
    ['Animacy', 'Animacy', 'MiniWiC', 'RG65']
    """
    return next((task.removesuffix(side) for side in _SIDES if task.removesuffix(side) not in ("", task)), task)


class Task(ABC):
    """One data set with one metric. It is picklable and holds no data: data are read, or made, by `run`."""

    name: str
    # The field of TaskOptions that it takes; empty if none.
    option = ""

    @property
    @abstractmethod
    def info(self) -> TaskInfo:
        """What is known of it before its data are loaded. Cheap, but for mteb's tasks, which import mteb."""

    @property
    def cost(self) -> int | None:
        """About how many different texts an encoder reads for it; None where only loading the data tells."""
        return None

    @property
    def data_path(self) -> str:
        """Where its data come from: a data set of the hub, a repository, or the task itself."""
        return self.name

    def chosen(self, options: TaskOptions) -> Task:
        """The same task as `options` want it. Raises HarnessError if they ask for what it does not have."""
        return self

    def only(self, parts: Sequence[TaskPart]) -> Task:
        """The same task on those of its splits and subsets; a task without parts stays whole."""
        return self

    @abstractmethod
    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure `encoder`: one result for each split and subset. The same encoder gives the same results."""


@dataclass(frozen=True, kw_only=True)
class ListedTask(Task):
    """A task of this project's own, whose facts are written where it is listed."""

    name: str
    task_type: str
    metric: str
    about: str

    @property
    @abstractmethod
    def revision(self) -> str:
        """What identifies the examples and the protocol."""

    @property
    def info(self) -> TaskInfo:
        """The facts of the list."""
        return TaskInfo(
            name=self.name, task_type=self.task_type, metric=self.metric, revision=self.revision, about=self.about
        )


T = TypeVar("T", bound=Task, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Suite(Generic[T]):
    """A named list of tasks.

    `floor` is the name of an encoder that knows no context and what makes it from a base's folder: what it scores, a
    task gives for nothing. It is measured along with the variants.
    """

    name: str
    about: str
    tasks: tuple[T, ...]
    floor: tuple[str, Callable[[Path], TextEncoder]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tasks, in order."""
        return tuple(task.name for task in self.tasks)

    def task(self, name: str) -> T:
        """Its task called `name`. Raises HarnessError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise HarnessError(f"the suite {self.name} has no task {name!r}; {near_names(name, self.names)}")
