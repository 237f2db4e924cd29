"""Hierarchical bootstrap-t of a mean over tasks: tasks, seeds and examples are all redrawn.

The check on `across_tasks`, which reaches its interval without resampling. Each resample is studentised: a
percentile interval over few tasks is too narrow, and redrawing examples within tasks counts their noise
twice (Davison and Hinkley 1997, Bootstrap Methods and their Application, ch. 3.8); both cancel in the ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.errors import HarnessError
from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions
from harness.stats.crossed import CrossedLayout, spread
from harness.stats.effects import layouts
from harness.stats.estimate import LEVEL, Interval
from harness.stats.units import MIN_UNITS, FloatArray, bootstrap_counts


def hierarchical_interval(
    tables: Sequence[Contributions], contrast: Contrast, *, rng: np.random.Generator, resamples: int
) -> Interval | None:
    """Return the bootstrap-t interval of a contrast's mean over `tables`, one a task.

    None with fewer than 5 tasks, or where resamples without any spread are more than 1 %. With few seeds the
    resamples often hold one seed only, so the interval is wide below five.
    """
    if not tables:
        raise HarnessError("a mean over tasks needs at least one task")
    if len(tables) < MIN_UNITS:
        return None
    plan = contrast if contrast.seeds_vary else contrast.fixed()
    by_task = [layouts(table, plan) for table in tables]
    count = len(tables)
    drawn_task = rng.integers(0, count, size=(resamples, count))
    drawn_noise = rng.integers(0, resamples, size=(resamples, count))
    observed, moved = [], []
    noise_seeds = rng.integers(0, 1 << 62, size=count).tolist()
    for place, group in enumerate(plan.groups):
        seeds = len(group.seeds)
        value = np.stack([groups[place].value_sd.mean(axis=-1) for groups in by_task])  # (tasks, seeds)
        noise = np.stack(
            [
                _example_noise(groups[place].part_usd.mean(axis=-1), seed=seed, resamples=resamples)
                for groups, seed in zip(by_task, noise_seeds, strict=True)
            ]
        )  # (tasks, resamples, seeds); the same draws of examples for both groups
        table = value[drawn_task] + noise[drawn_task, drawn_noise]  # (resamples, tasks, seeds)
        drawn_seed = rng.integers(0, seeds, size=(resamples, 1, seeds))
        observed.append(_layout(value))
        moved.append(_layout(np.take_along_axis(table, drawn_seed, axis=2)))
    here = spread(observed, seeds_vary=contrast.seeds_vary)
    there = spread(moved, seeds_vary=contrast.seeds_vary)
    se = float(np.sqrt(here.variance))
    usable = there.variance > 1e-12 * se**2
    if se <= 1e-12 or usable.mean() < 0.99:
        return None
    centre = float(here.value)
    t = (there.value[usable] - centre) / np.sqrt(there.variance[usable])
    low_t, high_t = np.quantile(t, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = float(centre - high_t * se), float(centre - low_t * se)
    return Interval(low=low, high=high, method="hierarchical bootstrap-t")


def _layout(value_ts: FloatArray) -> CrossedLayout:
    """Take tasks as units: (..., tasks, seeds) scores to a layout with one draw."""
    tasks = value_ts.shape[-2]
    mean = value_ts.mean(axis=-2, keepdims=True)
    return CrossedLayout(value_sd=np.swapaxes(mean, -1, -2), part_usd=((value_ts - mean) / tasks)[..., None])


def _example_noise(part_us: FloatArray, *, seed: int, resamples: int) -> FloatArray:
    """Return how far resampled units move each seed's score (resamples, seeds)."""
    moved = np.empty((resamples, part_us.shape[1]))
    rng = np.random.default_rng(seed)  # both groups of a contrast redraw the same examples
    for rows, counts in bootstrap_counts(len(part_us), resamples=resamples, rng=rng):
        moved[rows] = counts.T @ part_us
    return moved
