"""The hierarchical model of one comparison: what it reads of the tasks, and the posterior of their effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.contrasts import declared_contrasts
from harness.compare.overall import MEAN_METRIC, counts_across
from harness.compare.results import Comparison, TaskComparison
from harness.errors import HarnessError
from harness.outcomes import TaskPart
from harness.stats.hierarchical import Posterior, SeedDifferences, sample_posterior
from harness.suites.task import data_of

LEAST_DATA = 3  # tasks with data of their own: of fewer the prior says more than they do


@dataclass(frozen=True, kw_only=True)
class TaskPosterior:
    """A task's `observed` difference in points, and the posterior of its true one, which leans on the other tasks."""

    task: TaskPart
    observed: float
    effect: Posterior


@dataclass(frozen=True, kw_only=True)
class ComparisonPosterior:
    """The posterior of the mean effect over tasks and of each task, in points, with the `margin` of equivalence.

    `spreads` are the posterior medians of the standard deviations: over tasks, data, seeds, and the rest. `left_out`
    names the tasks whose variance by examples is not known.
    """

    mean: Posterior
    tasks: tuple[TaskPosterior, ...]
    spreads: dict[str, float]
    margin: float
    n_seeds: int
    left_out: tuple[str, ...]
    r_hat: float
    effective: float


def posterior_of(comparison: Comparison, *, seed: int = 0) -> ComparisonPosterior:
    """Fit the hierarchical model to the tasks that the mean over tasks counts.

    Raises HarnessError without the extra, for too few tasks or seeds that are not the same on both sides, and where
    the draws do not converge.
    """
    counted = [task for task in comparison.tasks if counts_across(task) and task.verdict != "descriptive"]
    known = [task for task in counted if _variances(task) is not None]
    if len({data_of(task.key.task) for task in known}) < LEAST_DATA:
        raise HarnessError(f"a hierarchical model over tasks needs at least {LEAST_DATA} tasks with data of their own")
    data = _differences(known)
    margin = 100 * declared_contrasts().equivalence[MEAN_METRIC]
    found = sample_posterior(data, seed=seed)
    return ComparisonPosterior(
        mean=Posterior.of(found.scalars["mean"], margin=margin),
        tasks=tuple(
            TaskPosterior(task=task.key.part, observed=float(row.mean()), effect=Posterior.of(draws, margin=margin))
            for task, row, draws in zip(known, data.point_ts, found.task.T, strict=True)
        ),
        spreads={name: float(np.median(found.scalars[name])) for name in data.scales},
        margin=margin,
        n_seeds=data.point_ts.shape[1] if data.trained else 0,
        left_out=tuple(task.key.task for task in counted if task not in known),
        r_hat=found.r_hat,
        effective=found.effective,
    )


def _differences(tasks: Sequence[TaskComparison]) -> SeedDifferences:
    """Return the differences of the seeds that all `tasks` have, in points."""
    by_seed = [_by_seed(task) for task in tasks]
    shared = [seed for seed in by_seed[0] if all(seed in each for each in by_seed)]
    if not shared:
        raise HarnessError("the hierarchical model needs one training seed or more that both sides have on all tasks")
    variances = np.array([_variances(task) for task in tasks]) * 100.0**2
    data = [data_of(task.key.task) for task in tasks]
    return SeedDifferences(
        point_ts=100 * np.array([[each[seed] for seed in shared] for each in by_seed]),
        shared_t=variances[:, 0],
        single_t=variances[:, 1],
        data_t=np.unique(data, return_inverse=True)[1].astype(np.intp),
        trained=shared != [None],
    )


def _by_seed(task: TaskComparison) -> dict[int | None, float]:
    """Return the difference of each training seed; {} where the two sides have others."""
    if not task.by_seed:
        return {}
    return dict(zip(task.seeds if task.seeds != (None,) else task.seeds_against, task.by_seed, strict=True))


def _variances(task: TaskComparison) -> tuple[float, float] | None:
    """Return the variance by examples that all seeds share, and what examples add to each seed's difference.

    Where not one example differs, the variance is that of one which does, each way: 0 would be certainty.
    """
    for estimate in (task.crossed, task.estimate):
        if estimate is not None and (parts := estimate.components) is not None:
            units = estimate.n_units
            shared = parts.example / units + parts.draw
            if parts.moving == 0:
                shared = 2 * (parts.size / units) ** 2
            elif estimate.over == "checkpoints" and estimate.se is not None:
                shared = estimate.se**2
            return shared, (parts.seed_example or 0.0) / units
    return None
