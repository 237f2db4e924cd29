"""Across tasks: the task is a random effect, so a task is the unit (Barr et al. 2013, J. Memory and Language 68).

With one seed: sign flips over tasks, and Student's t interval. With several, seeds are crossed with tasks,
for one checkpoint answers all of them. Examples need no term of their own: a task's score varies by its
examples, so the spread over tasks holds that already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.errors import HarnessError
from harness.stats.contrast import Contrast
from harness.stats.contributions import task_contributions
from harness.stats.effects import contrast_parts, crossed_effect
from harness.stats.estimate import Estimate
from harness.stats.signflip import sign_flip_tests
from harness.stats.units import finite

ENOUGH_TASKS = 15


@dataclass(frozen=True, kw_only=True)
class AcrossTasks:
    """The mean over tasks: `raw` in the metric's unit, `standardised` in standard deviations of an example's
    difference, a task each (None where a task has none). `few` marks fewer than 15 tasks: the claim is about
    tasks like these, and rests on little.
    """

    raw: Estimate
    standardised: Estimate | None
    n_tasks: int
    few: bool


def across_tasks(
    values_tk: ArrayLike,
    contrast: Contrast,
    *,
    scale_t: ArrayLike | None = None,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> AcrossTasks:
    """Estimate the mean of a contrast over tasks; `values_tk` (tasks, k) holds the scores of all columns.

    `scale_t` (tasks,) are the standard deviations of an example's difference: sqrt(example variance) of the
    task's Components. Raises HarnessError for no task and for a value that is not finite.
    """
    values = finite(values_tk, what="scores of tasks")
    if values.ndim != 2 or not len(values):
        raise HarnessError("a mean over tasks needs at least one task")
    flips = [rng.spawn(1)[0] for _ in range(2)]
    raw = _estimate(values, contrast, rng=flips[0], resamples=resamples)
    standardised = None
    if scale_t is not None:
        scale = np.asarray(scale_t, dtype=np.float64)
        if scale.shape != (len(values),):
            raise HarnessError(f"{len(values)} tasks need {len(values)} scales, got {scale.size}")
        if (scale > 0).all() and np.isfinite(scale).all():
            standardised = _estimate(values / scale[:, None], contrast, rng=flips[1], resamples=resamples)
    return AcrossTasks(raw=raw, standardised=standardised, n_tasks=len(values), few=len(values) < ENOUGH_TASKS)


def _estimate(values_tk: np.ndarray, contrast: Contrast, *, rng: np.random.Generator, resamples: int) -> Estimate:
    table = task_contributions(values_tk)
    estimate = crossed_effect(table, contrast)
    if contrast.seeds_vary or estimate.se is None:
        return estimate
    [test] = sign_flip_tests(contrast_parts(table, contrast)[:, None], rng=rng, resamples=resamples)
    return replace(estimate, p=test.p, test="sign-flip permutation over tasks")
