"""Calibration on outcomes that were measured: the same examples redrawn, with a truth known by construction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from harness.calibration.cases import CROSSED, EFFECT, FLIPS, PAIRS, CalibrationCase, error_rates
from harness.calibration.population import Sample
from harness.calibration.replicates import Replicates, each_alone, one_seed_correlation, one_seed_means, pair_of
from harness.calibration.report import ErrorRates
from harness.compare.wording import ENOUGH_UNITS
from harness.errors import HarnessError
from harness.stats.contrast import make_contrast
from harness.stats.contributions import Contributions, correlation_contributions, mean_contributions
from harness.stats.crossed import spread
from harness.stats.effects import crossed_effect, layouts
from harness.stats.influence import mid_rank_correlation
from harness.stats.units import FloatArray, finite, partition

# by the synthetic cells: with fewer the p values of right and wrong are too coarse for 5 %, on the safe side
ENOUGH_MOVING = 80


def redrawn_cases(
    name: str, first: ArrayLike, second: ArrayLike, *, gold: ArrayLike | None = None, units: ArrayLike | None = None
) -> list[CalibrationCase]:
    """Return the cells for two systems on one measured task.

    `first` and `second` (n, seeds) hold right and wrong, or, with `gold` (n,), scores whose rank correlation is taken.
    One cell for the first seed alone; with two or more seeds one for seeds crossed with examples. Raises HarnessError
    for unequal shapes and a value that is not finite.
    """
    a, b = finite(first, what="outcomes of the first"), finite(second, what="outcomes of the second")
    if a.ndim != 2 or a.shape != b.shape or not a.size:
        raise HarnessError(f"calibration needs the same examples and seeds on both sides, got {a.shape} and {b.shape}")
    truth = None if gold is None else finite(gold, what="gold scores")
    unit = partition(len(a), units)
    moving = int(np.count_nonzero(unit.total(a[:, 0] - b[:, 0])))
    why = f"{unit.count} units" if unit.count < ENOUGH_UNITS else ""
    if truth is None and unit.count == len(a) and moving < ENOUGH_MOVING:
        why = f"the two differ on {moving} examples: p is coarse, on the safe side"
    made: list[CalibrationCase] = [
        RedrawnCase(
            method=FLIPS if truth is None else PAIRS,
            design=f"outcomes of {name}, one seed",
            first=a[:, 0],
            second=b[:, 0],
            gold=truth,
            unit=unit.code,
            why=why,
            times=4 if truth is None else 1,
        )
    ]
    seeds = a.shape[1]
    if seeds > 1 and unit.count > 1:
        both = np.concatenate([a, b], axis=1)
        table = (
            mean_contributions(both, units=unit.code)
            if truth is None
            else correlation_contributions(truth, both, kind="spearman", units=unit.code)
        )
        made.append(
            RedrawnSeedsCase(
                method=CROSSED,
                design=f"outcomes of {name}, {seeds} seeds",
                table=table,
                why="" if seeds >= 5 else "fewer than 5 seeds",
            )
        )
    return made


@dataclass(frozen=True, kw_only=True)
class RedrawnCase(CalibrationCase):
    """One seed. A/A: units redrawn, the two systems swapped at random on each. Effect: redrawn as they are,
    so that the difference in the data is the truth. `times` as many replicates as asked for, where they are cheap:
    p of right and wrong is coarse and its level somewhat below 5 %, so few replicates do not tell it from 3.5 %.
    """

    first: FloatArray
    second: FloatArray
    gold: FloatArray | None
    unit: np.ndarray
    times: int = 1

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        count = self.times * replicates

        def run(*, swap: bool) -> Replicates:
            runner = one_seed_means if self.gold is None else partial(each_alone, one_seed_correlation)
            return runner(partial(self._redraw, swap=swap), replicates=count, resamples=resamples, rng=rng)

        null, moved = run(swap=True), run(swap=False)
        if self.gold is None:
            effect = float(np.mean(self.first - self.second))
        else:
            effect = mid_rank_correlation(self.gold, self.first) - mid_rank_correlation(self.gold, self.second)
        return error_rates(null, moved, effect=effect)

    def _redraw(self, rng: np.random.Generator, *, swap: bool) -> Sample:
        count = int(self.unit.max()) + 1
        order = np.argsort(self.unit, kind="stable")
        size = np.bincount(self.unit, minlength=count)
        start = np.concatenate([[0], np.cumsum(size)[:-1]])
        drawn = rng.integers(0, count, count)
        rows = order[np.concatenate([np.arange(start[u], start[u] + size[u]) for u in drawn])]
        label = np.repeat(np.arange(count), size[drawn])
        first, second = self._scaled(self.first)[rows], self._scaled(self.second)[rows]
        if swap:
            swapped = rng.integers(0, 2, count).astype(bool)[label]
            first, second = np.where(swapped, second, first), np.where(swapped, first, second)
        gold = None if self.gold is None else self.gold[rows]
        return Sample(first=first[:, None, None], second=second[:, None, None], gold=gold, unit=label)

    def _scaled(self, values: FloatArray) -> FloatArray:
        """Put similarities of two systems on one scale, their ranks; right and wrong stay as they are."""
        if self.gold is None:
            return values
        return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class RedrawnSeedsCase(CalibrationCase):
    """Seeds: units are redrawn, seed effects are normal with the variance found, seed × unit parts keep their
    size and change sign with the seed. The truth is 0, or what is added.
    """

    table: Contributions

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell; nothing is resampled within a replicate."""
        seeds = self.table.value_kd.shape[0] // 2
        groups = layouts(self.table, pair_of(seeds, paired=True))
        found = spread(groups, seeds_vary=True)
        seed_sd = float(np.sqrt(max(0.0, float(found.seeds[0] - found.interaction) * seeds)))
        part_us = groups[0].part_usd[:, :, 0] * self.table.n_units
        item = part_us.mean(axis=1, keepdims=True)
        se = float(np.sqrt(found.variance))

        def run(effect: float) -> Replicates:
            estimates = []
            contrast = make_contrast({s: s for s in range(seeds)}, columns=seeds)
            for _ in range(replicates):
                rows = rng.integers(0, len(part_us), len(part_us))
                flips = rng.choice([-1.0, 1.0], seeds)
                values = item[rows] + (part_us - item)[rows] * flips + rng.normal(0, seed_sd, seeds) + effect
                estimates.append(crossed_effect(mean_contributions(values), contrast))
            return Replicates.of(estimates)

        return error_rates(run(0.0), run(EFFECT * se), effect=EFFECT * se)
