"""Across tasks: the task is a random effect, so a task is the unit (Barr et al. 2013, J. Memory and Language 68).

With one seed: sign flips over tasks and Student's t, the larger p. With several, seeds are crossed with tasks,
for one checkpoint answers all of them. Tasks that share data are one unit. Examples need no term of their own: a
task's score varies by its examples, so the spread over tasks holds that already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.errors import HarnessError
from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions, task_contributions
from harness.stats.effects import contrast_parts, crossed_effect
from harness.stats.estimate import Estimate
from harness.stats.signflip import sign_flip_tests
from harness.stats.skewed import SkewedT
from harness.stats.units import finite

ENOUGH_TASKS = 15
LEAST_TASKS = 6  # of five the sign flips cannot reach 5 %, whatever their differences


@dataclass(frozen=True, kw_only=True)
class AcrossTasks:
    """The mean over tasks: `raw` in the metric's unit, `standardised` in standard deviations of an example's
    difference between two checkpoints, a task each (None where a task has none). `n_units` counts tasks that share data
    once. `few` marks fewer than 15 of them: the claim is about tasks like these, and rests on little.
    """

    raw: Estimate
    standardised: Estimate | None
    n_tasks: int
    n_units: int
    few: bool


def across_tasks(
    values_tk: ArrayLike,
    contrast: Contrast,
    *,
    scale_t: ArrayLike | None = None,
    units: ArrayLike | None = None,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> AcrossTasks:
    """Estimate the mean of a contrast over tasks; `values_tk` (tasks, k) holds the scores of all columns.

    `scale_t` (tasks,) are the standard deviations of an example's difference (`example_sd`), `units` (tasks,) names the
    data that tasks share. Raises HarnessError for no task and for a value that is not finite.
    """
    values = finite(values_tk, what="scores of tasks")
    if values.ndim != 2 or not len(values):
        raise HarnessError("a mean over tasks needs at least one task")
    flips = [rng.spawn(1)[0] for _ in range(2)]
    raw = _estimate(task_contributions(values, units=units), contrast, rng=flips[0], resamples=resamples)
    standardised = None
    if scale_t is not None:
        scale = np.asarray(scale_t, dtype=np.float64)
        if scale.shape != (len(values),):
            raise HarnessError(f"{len(values)} tasks need {len(values)} scales, got {scale.size}")
        if (scale > 0).all() and np.isfinite(scale).all():
            table = task_contributions(values / scale[:, None], units=units)
            standardised = _estimate(table, contrast, rng=flips[1], resamples=resamples)
    return AcrossTasks(
        raw=raw, standardised=standardised, n_tasks=len(values), n_units=raw.n_units, few=raw.n_units < ENOUGH_TASKS
    )  # fmt: skip


def _estimate(table: Contributions, contrast: Contrast, *, rng: np.random.Generator, resamples: int) -> Estimate:
    estimate = crossed_effect(table, contrast)
    if estimate.se is None:
        return estimate
    if contrast.seeds_vary:
        # of so few tasks their own variance is hardly known: no more degrees of freedom than the worst known part has
        df = min(table.n_units, contrast.n_seeds) - 1 if table.n_units < LEAST_TASKS else estimate.df or 1.0
        few = SkewedT(centre=estimate.value, se=estimate.se, df=df)
        ends = replace(few.interval, method="Student's t, Satterthwaite df")
        return replace(estimate, df=df, p=few.p, interval=ends)
    [test] = sign_flip_tests(contrast_parts(table, contrast)[:, None], rng=rng, resamples=resamples)
    p = max(test.p, estimate.p or 0.0)  # so that p and the interval do not contradict each other
    return replace(estimate, p=p, test="sign-flip permutation over tasks and t")
