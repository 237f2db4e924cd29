"""What calibration measures in one cell: a method on a design, under no effect and under a known one.

The injected effect is 2.8 standard errors, what a two-sided test at 5 % should find four times in five.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions
from harness.stats.equivalence import equivalence_test, non_inferiority_test
from harness.stats.joint import JointTask
from harness.stats.trials import Trials, families, hierarchical, over_tasks
from harness.stats.units import FloatArray
from harness.stats.worlds import Sample, World, sample, shift_for, truth

ALPHA = 0.05
_SIZES = 2.8  # effect in standard errors
_PILOT = 200


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of replicates with its Monte-Carlo standard error."""

    value: float
    se: float
    replicates: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Error rates of one cell. `type_one` is the family-wise error where the method adjusts for a family."""

    type_one: Rate | None
    coverage: Rate | None
    power: Rate | None
    effect: float | None


class Case(Protocol):
    """One cell of the grid. `claimed` says whether the method claims validity there, `why` why not."""

    @property
    def method(self) -> str: ...
    @property
    def design(self) -> str: ...
    @property
    def claimed(self) -> bool: ...
    @property
    def why(self) -> str: ...

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell."""


Runner = Callable[..., Trials]


@dataclass(frozen=True, kw_only=True)
class TaskCase:
    """A pair of systems on one simulated task; `times` as many replicates as asked for, where they are cheap."""

    method: str
    design: str
    runner: Runner
    world: World
    claimed: bool = True
    why: str = ""
    times: int = 1

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell."""

        def run(shift: float, count: int) -> Trials:
            return self.runner(
                lambda r: sample(self.world, shift=shift, rng=r), replicates=count, resamples=resamples, rng=rng
            )

        null = run(0.0, self.times * replicates)
        shift = shift_for(self.world, _SIZES * half_width(null) / 2)
        effect = truth(self.world, shift=shift)
        moved = run(shift, self.times * replicates)
        return Measured(
            type_one=rejections(null.p), coverage=hits(moved, effect), power=rejections(moved.p), effect=effect
        )


@dataclass(frozen=True, kw_only=True)
class MarginCase:
    """Equivalence, or the gate's one-sided test of a loss, at the edge of the margin and at no difference."""

    method: str
    design: str
    runner: Runner
    world: World
    gate: bool
    claimed: bool = True
    why: str = ""

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell: type I at a difference of exactly the margin; power at 0, or for the gate at twice it."""

        def p_values(shift: float, sign: float) -> FloatArray:
            run = self.runner(
                lambda r: sample(self.world, shift=shift, rng=r), replicates=replicates, resamples=resamples, rng=rng
            )
            tested = [replace(e, value=sign * e.value) for e in run.estimates]
            if self.gate:
                found = [non_inferiority_test(e, margin=margin).p_loss for e in tested]
            else:
                found = [equivalence_test(e, margin=margin).p for e in tested]
            return np.array([np.nan if p is None else p for p in found])

        pilot = self.runner(lambda r: sample(self.world, rng=r), replicates=_PILOT, resamples=resamples, rng=rng)
        shift = shift_for(self.world, 3.3 * half_width(pilot) / 2)
        margin = truth(self.world, shift=shift)
        at_edge = p_values(shift, -1.0 if self.gate else 1.0)
        far = shift_for(self.world, 2 * margin) if self.gate else 0.0
        return Measured(
            type_one=rejections(at_edge),
            coverage=None,
            power=rejections(p_values(far, -1.0 if self.gate else 1.0)),
            effect=margin,
        )


@dataclass(frozen=True, kw_only=True)
class AcrossCase:
    """The mean over tasks of a pair of systems; standard deviations are of scores."""

    method: str
    design: str
    tasks: int
    seeds: int
    task_sd: float = 0.02
    seed_sd: float = 0.01
    noise_sd: float = 0.02
    heavy: bool = False
    claimed: bool = True
    why: str = ""

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell."""

        def run(effect: float) -> Trials:
            return over_tasks(lambda r: self._scores(effect, r), replicates=replicates, resamples=resamples, rng=rng)

        null = run(0.0)
        effect = _SIZES * half_width(null) / 2
        moved = run(effect)
        return Measured(
            type_one=rejections(null.p), coverage=hits(moved, effect), power=rejections(moved.p), effect=effect
        )

    def _scores(self, effect: float, rng: np.random.Generator) -> FloatArray:
        size = (self.tasks, 2, 1)
        # Student's t with 3 df has a standard deviation of sqrt(3)
        task = rng.standard_t(3, size) / np.sqrt(3) if self.heavy else rng.normal(size=size)
        scores = self.task_sd * task + rng.normal(0, self.noise_sd, (self.tasks, 2, self.seeds))
        if self.seeds > 1:
            scores = scores + rng.normal(0, self.seed_sd, (1, 2, self.seeds))
        scores[:, 0] += effect
        return np.asarray(scores, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class HierarchicalCase:
    """The hierarchical bootstrap-t, coverage only: tasks differ in skill, seeds in all tasks alike."""

    method: str
    design: str
    tasks: int
    seeds: int
    examples: int = 100
    claimed: bool = True
    why: str = ""

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell; the effect is 0, the interval's misses are counted."""
        found = hierarchical(self._samples, replicates=replicates, resamples=resamples, rng=rng)
        return Measured(type_one=None, coverage=hits(found, 0.0), power=None, effect=0.0)

    def _samples(self, rng: np.random.Generator) -> list[Sample]:
        seed = rng.normal(0, 0.1 if self.seeds > 1 else 0.0, (2, self.seeds))
        unit = np.arange(self.examples)
        made = []
        for _ in range(self.tasks):
            item = rng.normal(size=(self.examples, 1))
            first, second = (
                item + 0.8 + rng.normal(0, 0.2) + s + rng.normal(size=(self.examples, self.seeds)) > 0 for s in seed
            )
            made.append(
                Sample(
                    first=first[:, :, None].astype(np.float64),
                    second=second[:, :, None].astype(np.float64),
                    gold=None,
                    unit=unit,
                )
            )
        return made


@dataclass(frozen=True, kw_only=True)
class FamilyCase:
    """All pairs of systems on several tasks by max-T; with `moved` systems better, only true nulls count as errors."""

    method: str
    design: str
    tasks: int
    systems: int
    seeds: int
    examples: int = 200
    moved: int = 0
    claimed: bool = True
    why: str = ""

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> Measured:
        """Run the cell: family-wise error, and the mean power over the false hypotheses."""
        pairs = [(a, b) for a in range(self.systems) for b in range(a)]
        p = families(lambda r: self._draw(pairs, r), replicates=replicates, resamples=resamples, rng=rng)
        false = np.tile([(a < self.moved) != (b < self.moved) for a, b in pairs], self.tasks)
        with np.errstate(invalid="ignore"):
            rejected = p <= ALPHA
        return Measured(
            type_one=rate(np.any(rejected[:, ~false], axis=1)),
            coverage=None,
            power=_mean_rate(rejected[:, false]) if self.moved else None,
            effect=None,
        )

    def _draw(self, pairs: Sequence[tuple[int, int]], rng: np.random.Generator) -> list[JointTask]:
        seeds, n = self.seeds, self.examples
        trained = rng.normal(0, 0.1 if seeds > 1 else 0.0, (self.systems, seeds))
        k = self.systems * seeds
        columns = [{s: v * seeds + s for s in range(seeds)} for v in range(self.systems)]
        contrasts = tuple(make_contrast(columns[a], columns[b], columns=k) for a, b in pairs)
        made = []
        for _ in range(self.tasks):
            skill = 0.8 + 0.6 * (np.arange(self.systems) < self.moved)
            latent = rng.normal(size=(n, 1, 1)) + rng.normal(0, 0.5, (n, self.systems, 1))
            latent = latent + (skill[:, None] + trained) + rng.normal(size=(n, self.systems, seeds))
            right = (latent > 0).astype(np.float64).reshape(n, k)
            made.append(JointTask(table=mean_contributions(right), contrasts=contrasts))
        return made


def rate(happened: np.ndarray) -> Rate:
    """Return the share of true entries with its standard error."""
    n, share = len(happened), float(np.mean(happened))
    return Rate(value=share, se=float(np.sqrt(max(share * (1 - share), 1 / n) / n)), replicates=n)


def rejections(p: FloatArray) -> Rate:
    """Return how often p is at most 5 %; what was not tested is not rejected."""
    return rate(np.nan_to_num(p, nan=1.0) <= ALPHA)


def hits(trials: Trials, value: float) -> Rate:
    """Return how often the interval holds `value`; no interval is a miss."""
    return rate((trials.low <= value) & (value <= trials.high))


def half_width(trials: Trials) -> float:
    """Return half the median width of the intervals."""
    return float(np.nanmedian(trials.high - trials.low) / 2)


def _mean_rate(rejected: np.ndarray) -> Rate:
    each = rejected.mean(axis=1)
    return Rate(value=float(each.mean()), se=float(each.std(ddof=1) / np.sqrt(len(each))), replicates=len(each))
