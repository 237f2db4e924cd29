"""What a comparison returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.compare.entries import Entry
from harness.outcomes import TaskKey, TaskPart
from harness.stats.across import AcrossTasks
from harness.stats.conjunction import Replicability
from harness.stats.estimate import DrawSpread, Estimate, Interval, Over
from harness.stats.leave_out import LeaveOneOut
from harness.stats.looks import Look
from harness.stats.mcnemar import McNemar
from harness.stats.welch import Welch
from harness.suites.retention import TASK_TYPE as RETENTION

Verdict = Literal["better", "worse", "equivalent", "undecided", "descriptive"]
Family = Literal["declared", "all pairs", "interactions", "exploratory"]
Seeds = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """A base × variant on one task: the mean over its seeds.

    `interval` is over examples (units) for these checkpoints, and over seeds too from five seeds on; `spread`
    stands in its place for clustering.
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
class JudgedDifference:
    """A difference on one task that gets a verdict; `difference` is in the metric's unit.

    `verdict` knows the metric's direction, `difference` does not. `p` is two-sided and of this test alone;
    `p_adjusted` is what the verdict rests on: by max-T over the `family_size` tests of `family` (of
    `family_pairs` contrasts on `family_tasks` tasks), by Benjamini and Hochberg where that is "exploratory", and never
    below `p`. `p_holm` is the check beside it: Holm over the family's t tests. `p_equivalent` is Holm-adjusted and
    belongs to `margin`; `negligible` marks a difference that is established and yet lies within it. `mde` is
    the minimum detectable effect of the unadjusted test at 80 % power. `tie` says that the difference lies within
    the noise `floor` of two identical runs, and is therefore not judged. None: not estimable.

    `crossed` is the estimate with seeds × examples as samples, shown from two seeds on; below five it claims
    nothing. A clustering task has a `spread` over draws and no test.
    """

    key: TaskKey
    task_type: str
    n_examples: int
    n_units: int
    difference: float
    interval: Interval | None
    spread: DrawSpread | None
    p: float | None
    mde: float | None
    method: str
    estimate: Estimate | None
    crossed: Estimate | None
    verdict: Verdict
    family: Family = "exploratory"
    family_size: int = 0
    family_pairs: int = 0
    family_tasks: int = 0
    p_adjusted: float | None = None
    p_holm: float | None = None
    p_equivalent: float | None = None
    margin: float | None = None
    negligible: bool = False
    floor: float | None = None
    tie: bool = False

    @property
    def is_retention(self) -> bool:
        """Whether this asks what the language model lost, not what the encoder gained."""
        return self.task_type == RETENTION


@dataclass(frozen=True, kw_only=True)
class TaskComparison(JudgedDifference):
    """`variant` against `against` on one task: `difference` = score - score_against.

    `over` is "seeds" where the claim covers other training seeds (five or more of them), "checkpoints" otherwise.
    `by_seed` are the differences of the seeds that both sides have, in order, empty where they have others.
    `seed_sd` is the standard deviation of the difference over seeds, `outlying` names the seeds of a side that
    lie far from its others, with the variant. `welch` and `mcnemar` are checks.
    """

    n_seeds: int
    n_draws: int
    seeds: Seeds
    seeds_against: Seeds
    score: float
    score_against: float
    seed_sd: float | None
    over: Over
    welch: Welch | None
    mcnemar: McNemar | None
    by_seed: tuple[float, ...] = ()
    outlying: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two entries over the tasks both have. `problems` names what could not be compared and why, and
    whether the two were measured in another dtype or on another device.

    `across` is the mean over the encoder's tested tasks, `without` the same with one task or one seed left out each
    time, `replicability` on at least how many of them the variant is better; None where no task was tested.
    `declaration` is the SHA-256 of contrasts.yaml. `look` says which declared look this is, and then `alpha` is what
    is left for it; None for a single test.
    """

    variant: Entry
    against: Entry
    alpha: float
    tasks: tuple[TaskComparison, ...]
    missing: Mapping[TaskPart, str]  # measured for this one of the two only
    problems: tuple[str, ...]
    family: Family
    across: AcrossTasks | None
    without: LeaveOneOut | None
    replicability: Replicability | None
    declaration: str
    look: Look | None = None

    def count(self, verdict: Verdict, *, retention: bool = False) -> int:
        """Return how many of the encoder's tasks have this verdict; with `retention`, of the language model's."""
        return sum(task.verdict == verdict for task in self.tasks if task.is_retention == retention)
