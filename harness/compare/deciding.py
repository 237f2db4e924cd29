"""What it would take to decide a difference: more examples, or more seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.compare.estimates import SEEDS_FOR_A_RECIPE
from harness.compare.results import Comparison, TaskComparison
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.stats.power import examples_needed, power_of, seeds_needed


@dataclass(frozen=True, kw_only=True)
class Needs:
    """For one task, if the true difference were `effect`: the power of the test as it is, and what 80 % would take.

    `units` and `seeds` are the fewest that reach it with the other as it is, None where no number does. `recipe`
    says whether the question is about other seeds too; then a verdict needs at least five of them. `power` is None
    where nothing can be estimated.
    """

    task: TaskPart
    metric: str
    effect: float
    n_units: int
    n_seeds: int
    recipe: bool
    power: float | None
    units: int | None
    seeds: int | None


def needs(comparison: Comparison, *, effect: float | None = None) -> list[Needs]:
    """Return what each tested task needs to find `effect` (as shown: points for accuracy; None: the one observed).

    Of the unadjusted test at the declared alpha: a family asks for more. With two or more seeds a side the question
    is the recipe's, and seeds count; otherwise these checkpoints'.
    """
    return [_of(task, effect, comparison.alpha) for task in comparison.tasks if task.verdict != "descriptive"]


def _of(task: TaskComparison, effect: float | None, alpha: float) -> Needs:
    estimate = task.crossed or task.estimate
    size = task.difference if effect is None else effect / get_metric(task.key.metric).scale
    parts = None if estimate is None else estimate.components
    recipe = parts is not None and parts.seed is not None
    if parts is None or size == 0:
        power, units, seeds = None, None, None
    else:
        power = power_of(size, parts, n_units=task.n_units, n_seeds=task.n_seeds, alpha=alpha)
        # the pilot may have seen too few units that differ: half of a unit that did not is counted too
        likely = parts
        if parts.moving is not None:
            likely = replace(parts, moving=parts.moving + 0.5 * (1 - parts.moving) / task.n_units)
        units = examples_needed(size, likely, n_seeds=task.n_seeds, alpha=alpha)
        seeds = seeds_needed(size, parts, n_units=task.n_units, pilot=task.n_seeds, alpha=alpha)
        seeds = None if seeds is None else max(seeds, SEEDS_FOR_A_RECIPE)
    return Needs(
        task=task.key.part, metric=task.key.metric, effect=size, n_units=task.n_units, n_seeds=task.n_seeds,
        recipe=recipe, power=power, units=units, seeds=seeds,
    )  # fmt: skip
