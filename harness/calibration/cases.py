"""What calibration measures in one cell: a method on a design, under no effect and under a known one.

The injected effect is 2.8 standard errors, what a two-sided test at 5 % should find four times in five.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.calibration.population import Population, Sample, sample, shift_for, truth
from harness.calibration.replicates import Replicates, families, hierarchical, over_tasks
from harness.calibration.report import ErrorRates, Rate
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions
from harness.stats.equivalence import equivalence_test, non_inferiority_test
from harness.stats.joint import JointTask
from harness.stats.units import FloatArray

ALPHA = 0.05
EFFECT = 2.8  # in standard errors
_PILOT = 200


@dataclass(frozen=True, kw_only=True)
class CalibrationCase(ABC):
    """One cell of the grid: a method on a design. `why` says why the method claims no validity there."""

    method: str
    design: str
    why: str = ""

    @property
    def claimed(self) -> bool:
        """Whether the method claims validity there."""
        return not self.why

    @abstractmethod
    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell."""


Runner = Callable[..., Replicates]


@dataclass(frozen=True, kw_only=True)
class TaskCase(CalibrationCase):
    """A pair of systems on one simulated task; `times` as many replicates as asked for, where they are cheap."""

    runner: Runner
    population: Population
    times: int = 1

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell."""

        def run(shift: float, count: int) -> Replicates:
            return self.runner(
                lambda r: sample(self.population, shift=shift, rng=r), replicates=count, resamples=resamples, rng=rng
            )

        null = run(0.0, self.times * replicates)
        shift = shift_for(self.population, EFFECT * half_width(null) / 2)
        effect = truth(self.population, shift=shift)
        moved = run(shift, self.times * replicates)
        return error_rates(null, moved, effect=effect)


@dataclass(frozen=True, kw_only=True)
class MarginCase(CalibrationCase):
    """Equivalence, or the gate's one-sided test of a loss, at the edge of the margin and at no difference."""

    runner: Runner
    population: Population
    gate: bool

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell: type I at a difference of exactly the margin; power at 0, or for the gate at twice it."""

        def p_values(shift: float, sign: float) -> FloatArray:
            run = self.runner(
                lambda r: sample(self.population, shift=shift, rng=r),
                replicates=replicates,
                resamples=resamples,
                rng=rng,
            )
            tested = [replace(e, value=sign * e.value) for e in run.estimates]
            if self.gate:
                found = [non_inferiority_test(e, margin=margin).p_loss for e in tested]
            else:
                found = [equivalence_test(e, margin=margin) for e in tested]
            return np.array([np.nan if p is None else p for p in found])

        pilot = self.runner(lambda r: sample(self.population, rng=r), replicates=_PILOT, resamples=resamples, rng=rng)
        shift = shift_for(self.population, 3.3 * half_width(pilot) / 2)
        margin = truth(self.population, shift=shift)
        at_edge = p_values(shift, -1.0 if self.gate else 1.0)
        far = shift_for(self.population, 2 * margin) if self.gate else 0.0
        return ErrorRates(
            type_one=rejections(at_edge),
            coverage=None,
            power=rejections(p_values(far, -1.0 if self.gate else 1.0)),
            effect=margin,
        )


@dataclass(frozen=True, kw_only=True)
class AcrossCase(CalibrationCase):
    """The mean over tasks of a pair of systems; standard deviations are of scores."""

    tasks: int
    seeds: int
    task_sd: float = 0.02
    seed_sd: float = 0.01
    noise_sd: float = 0.02
    heavy: bool = False

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell."""

        def run(effect: float) -> Replicates:
            return over_tasks(lambda r: self._scores(effect, r), replicates=replicates, resamples=resamples, rng=rng)

        null = run(0.0)
        effect = EFFECT * half_width(null) / 2
        moved = run(effect)
        return error_rates(null, moved, effect=effect)

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
class HierarchicalCase(CalibrationCase):
    """The hierarchical bootstrap-t, coverage only: tasks differ in skill, seeds in all tasks alike."""

    tasks: int
    seeds: int
    examples: int = 100

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell; the effect is 0, the interval's misses are counted."""
        found = hierarchical(self._samples, replicates=replicates, resamples=resamples, rng=rng)
        return ErrorRates(type_one=None, coverage=hits(found, 0.0), power=None, effect=0.0)

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
class FamilyCase(CalibrationCase):
    """All pairs of systems on several tasks by max-T.

    Without `moved` the error is that under no effect at all, the power that with one system somewhat better.
    With `moved` systems far better the false hypotheses are found, and the error is that of the steps after.
    """

    tasks: int
    systems: int
    seeds: int
    examples: int = 200
    moved: int = 0

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell; power is the mean over the false hypotheses."""
        pairs = [(a, b) for a in range(self.systems) for b in range(a)]

        def rejected(moved: int, skill: float) -> tuple[np.ndarray, np.ndarray]:
            """Return what was rejected (replicates, hypotheses) and which hypotheses are false (hypotheses,)."""
            p = families(
                lambda r: self._draw(pairs, moved, skill, r), replicates=replicates, resamples=resamples, rng=rng
            )
            false = np.tile([(a < moved) != (b < moved) for a, b in pairs], self.tasks)
            return np.nan_to_num(p, nan=1.0) <= ALPHA, false

        errors, false = rejected(self.moved, 2.0)
        power = None
        if not self.moved:
            found, true_effect = rejected(1, 0.6)
            power = _mean_rate(found[:, true_effect])
        return ErrorRates(type_one=rate(np.any(errors[:, ~false], axis=1)), coverage=None, power=power, effect=None)

    def _draw(
        self, pairs: Sequence[tuple[int, int]], moved: int, skill: float, rng: np.random.Generator
    ) -> list[JointTask]:
        seeds, n = self.seeds, self.examples
        trained = rng.normal(0, 0.1 if seeds > 1 else 0.0, (self.systems, seeds))
        k = self.systems * seeds
        columns = [{s: v * seeds + s for s in range(seeds)} for v in range(self.systems)]
        contrasts = tuple(make_contrast(columns[a], columns[b], columns=k) for a, b in pairs)
        level = 0.8 + skill * (np.arange(self.systems) < moved)
        made = []
        for _ in range(self.tasks):
            latent = rng.normal(size=(n, 1, 1)) + rng.normal(0, 0.5, (n, self.systems, 1))
            latent = latent + (level[:, None] + trained) + rng.normal(size=(n, self.systems, seeds))
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


def error_rates(null: Replicates, moved: Replicates, *, effect: float) -> ErrorRates:
    """Return type I of the replicates without a difference; coverage and power of those with `effect`."""
    return ErrorRates(
        type_one=rejections(null.p), coverage=hits(moved, effect), power=rejections(moved.p), effect=effect
    )


def hits(found: Replicates, value: float) -> Rate:
    """Return how often the interval holds `value`; no interval is a miss."""
    return rate((found.low <= value) & (value <= found.high))


def half_width(found: Replicates) -> float:
    """Return half the median width of the intervals."""
    return float(np.nanmedian(found.high - found.low) / 2)


def _mean_rate(rejected: np.ndarray) -> Rate:
    each = rejected.mean(axis=1)
    return Rate(value=float(each.mean()), se=float(each.std(ddof=1) / np.sqrt(len(each))), replicates=len(each))
