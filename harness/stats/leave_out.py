"""Leave one out: how far the mean over tasks rests on a single task, or on a single training seed.

A description, and no test: the mean was tested once, on everything. Tasks that share data are left out together. A mean
that takes seeds as a sample still does so with one seed fewer, so that the claim stays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.across import LEAST_TASKS
from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions, task_contributions
from harness.stats.effects import contrast_parts, crossed_effect
from harness.stats.signflip import sign_flip_tests
from harness.stats.units import finite

LEAST = 3  # of two, either one alone is what is left


@dataclass(frozen=True, kw_only=True)
class Without:
    """The mean over tasks without `tasks` that share data, or without one training `seed`, with the p of its test.

    `side` is 0 or 1 where only the first or only the second system has that seed; None where it is left out of both. p
    is None where the rest is not tested: fewer than six tasks with data of their own.
    """

    tasks: tuple[str, ...] = ()
    seed: int | None = None
    side: int | None = None
    value: float
    p: float | None


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """The means with one thing left out each: of three or more tasks with data of their own, of three or more seeds."""

    by_task: tuple[Without, ...]
    by_seed: tuple[Without, ...]


def leave_one_out(
    values_tk: ArrayLike,
    contrast: Contrast,
    *,
    tasks: Sequence[str],
    units: Sequence[str],
    sample: bool,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> LeaveOneOut:
    """Estimate the mean of `contrast` over tasks again and again, each time without one task or one seed.

    `values_tk` (tasks, k) and `units` as for `across_tasks`, `tasks` their names. `sample`: the mean takes the seeds of
    `contrast` as a sample, else these checkpoints as they are.
    """
    values, data = finite(values_tk, what="scores of tasks"), np.asarray(units)
    of_unit = {str(name): np.flatnonzero(data == name).tolist() for name in np.unique(data)}
    whole = contrast if sample else contrast.fixed()
    left: list[Without] = []
    made: list[tuple[Contributions, Contrast]] = []
    for rows in of_unit.values() if len(of_unit) >= LEAST else ():
        rest = np.delete(np.arange(len(values)), rows)
        left.append(Without(tasks=tuple(dict.fromkeys(tasks[row] for row in rows)), value=0.0, p=None))
        made.append((task_contributions(values[rest], units=data[rest]), whole))
    every = task_contributions(values, units=data)
    for side, seed, rest_of_seeds in _without_a_seed(contrast):
        left.append(Without(seed=seed, side=side, value=0.0, p=None))
        made.append((every, rest_of_seeds if sample else rest_of_seeds.fixed()))
    found = [
        replace(each, value=value, p=p)
        for each, (value, p) in zip(left, _tested(made, rng=rng, resamples=resamples), strict=True)
    ]
    return LeaveOneOut(
        by_task=tuple(each for each in found if each.tasks), by_seed=tuple(each for each in found if not each.tasks)
    )


def _without_a_seed(contrast: Contrast) -> list[tuple[int | None, int, Contrast]]:
    """Return the side, the seed and the contrast without it, for each seed that is a number."""
    made: list[tuple[int | None, int, Contrast]] = []
    if contrast.n_seeds < LEAST:
        return made
    for i, group in enumerate(contrast.groups):
        for row, seed in enumerate(group.seeds):
            rest = replace(
                group, seeds=(*group.seeds[:row], *group.seeds[row + 1 :]), weight_sk=np.delete(group.weight_sk, row, 0)
            )
            groups = (*contrast.groups[:i], rest, *contrast.groups[i + 1 :])
            if isinstance(seed, int):
                made.append((i if len(groups) > 1 else None, seed, Contrast(groups=groups)))
    return made


def _tested(
    made: Sequence[tuple[Contributions, Contrast]], *, rng: np.random.Generator, resamples: int
) -> list[tuple[float, float | None]]:
    """Return value and p of each, the flips of all in one go; p by the rule of `across_tasks`."""
    found = [crossed_effect(table, contrast) for table, contrast in made]
    enough = [e.se is not None and table.n_units >= LEAST_TASKS for e, (table, _) in zip(found, made, strict=True)]
    flips = [i for i, (_, contrast) in enumerate(made) if enough[i] and not contrast.seeds_vary]
    p_of = {i: found[i].p for i, yes in enumerate(enough) if yes}
    if flips:
        part = np.zeros((max(made[i][0].n_units for i in flips), len(flips)))
        for column, i in enumerate(flips):  # a unit without a difference flips nothing
            part[: made[i][0].n_units, column] = contrast_parts(*made[i])
        for i, test in zip(flips, sign_flip_tests(part, rng=rng, resamples=resamples), strict=True):
            p_of[i] = max(test.p, found[i].p or 0.0)
    return [(estimate.value, p_of.get(i)) for i, estimate in enumerate(found)]
