"""What a comparison returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.compare.entries import Entry
from harness.outcomes import TaskKey
from harness.stats import DrawSpread, Interval
from harness.suites.retention import TASK_TYPE as RETENTION

Verdict = Literal["better", "worse", "undecided", "descriptive"]
TaskName = tuple[str, str, str]  # task, split, subset
Seeds = tuple[int | None, ...]


def task_name(key: TaskKey) -> TaskName:
    """Return what names the task in the store, without revision and metric."""
    return (key.task, key.split, key.subset)


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """A base × variant on one task: the mean over its seeds.

    `interval` is over examples (units), for these checkpoints; `spread` stands in its place for clustering.
    `seed_scores` go with `seeds`; `seed_sd` is their standard deviation, None below two.
    """

    key: TaskKey
    task_type: str
    score: float
    interval: Interval | None
    spread: DrawSpread | None
    seeds: Seeds
    seed_scores: tuple[float, ...]
    seed_sd: float | None
    n_examples: int
    n_units: int
    n_trials: int


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """`variant` against `against` on one task: `difference` = score - score_against, in the metric's unit.

    `p` is two-sided, `p_holm` adjusted over the tasks of the comparison (those of the encoder and those of the
    language model each by themselves), `mde` the minimum detectable effect of the unadjusted test at 80 % power.
    None: not estimable. `seed_sd` is the standard deviation of the difference over paired seeds. A clustering task
    has a `spread` over draws and no test. `verdict` knows the metric's direction, `difference` does not.
    """

    key: TaskKey
    task_type: str
    n_examples: int
    n_units: int
    seeds: Seeds
    seeds_against: Seeds
    score: float
    score_against: float
    difference: float
    interval: Interval | None
    spread: DrawSpread | None
    seed_sd: float | None
    p: float | None
    p_holm: float | None
    mde: float | None
    verdict: Verdict
    method: str

    @property
    def is_retention(self) -> bool:
        """Whether this asks what the language model lost, not what the encoder gained."""
        return self.task_type == RETENTION


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two entries over the tasks both have. `problems` names what could not be compared and why."""

    variant: Entry
    against: Entry
    alpha: float
    tasks: tuple[TaskComparison, ...]
    missing: tuple[TaskName, ...]  # measured for one of the two only
    problems: tuple[str, ...]

    def count(self, verdict: Verdict, *, retention: bool = False) -> int:
        """Return how many of the encoder's tasks have this verdict; with `retention`, of the language model's."""
        return sum(task.verdict == verdict for task in self.tasks if task.is_retention == retention)
