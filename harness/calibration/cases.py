"""What calibration measures in one cell: a method on a design, under no effect and under a known one.

The injected effect is 2.8 standard errors, what a two-sided test at 5 % should find four times in five.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.calibration.hierarchical import hierarchical_interval
from harness.calibration.population import Population, Sample, sample, shift_for, truth
from harness.calibration.replicates import Replicates, crossed, each_alone, over_tasks
from harness.calibration.report import ErrorRates, Rate
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions, task_contributions
from harness.stats.effects import crossed_effect
from harness.stats.equivalence import equivalence_test, non_inferiority_test
from harness.stats.estimate import Estimate
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t_families
from harness.stats.units import FloatArray

FLIPS, PAIRS, CROSSED = "sign flips and t", "t on influence functions", "seeds × examples"
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


@dataclass(frozen=True, kw_only=True)
class TaskCase(CalibrationCase):
    """A pair of systems on one simulated task; `times` as many replicates as asked for, where they are cheap."""

    runner: Callable[..., Replicates]
    population: Population
    times: int = 1

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        count = self.times * replicates
        null = self.run(0.0, replicates=count, resamples=resamples, rng=rng)
        shift = shift_for(self.population, EFFECT * half_width(null) / 2)
        effect = truth(self.population, shift=shift)
        moved = self.run(shift, replicates=count, resamples=resamples, rng=rng)
        return error_rates(null, moved, effect=effect)

    def run(self, shift: float, *, replicates: int, resamples: int, rng: np.random.Generator) -> Replicates:
        """Run the method where `shift` is added to the first system's skill."""

        def draw(own: np.random.Generator) -> Sample:
            return sample(self.population, shift=shift, rng=own)

        return self.runner(draw, replicates=replicates, resamples=resamples, rng=rng)


@dataclass(frozen=True, kw_only=True)
class MarginCase(TaskCase):
    """Equivalence, or the gate's one-sided test of a loss, at the edge of the margin and at no difference.

    The margin is the declared one if `margin` is given, else one that the data can just show.
    """

    gate: bool
    margin: float | None = None

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell: type I at a difference of exactly the margin; power at 0, or for the gate at twice it."""

        def p_of(e: Estimate) -> float:
            if self.gate:
                p = non_inferiority_test(e.reversed(), margin=margin)[1]
            else:
                p = equivalence_test(e, margin=margin)
            return np.nan if p is None else p

        def rejected(shift: float) -> Rate:
            run = self.run(shift, replicates=replicates, resamples=resamples, rng=rng)
            return rejections(np.array([p_of(e) for e in run.estimates]))

        if self.margin is None:
            pilot = self.run(0.0, replicates=_PILOT, resamples=resamples, rng=rng)
            shift = shift_for(self.population, 3.3 * half_width(pilot) / 2)
        else:
            shift = shift_for(self.population, self.margin)
        margin = truth(self.population, shift=shift)
        at_edge = rejected(shift)
        far = shift_for(self.population, 2 * margin) if self.gate else 0.0
        return ErrorRates(type_one=at_edge, power=rejected(far), effect=margin)


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

        def run(effect: float) -> Replicates:
            draw = partial(self._scores, effect)
            return each_alone(over_tasks, draw, replicates=replicates, resamples=resamples, rng=rng)

        null = run(0.0)
        effect = EFFECT * half_width(null) / 2
        return error_rates(null, run(effect), effect=effect)

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
        held = []
        for _ in range(replicates):
            made = [crossed(s, paired=True) for s in self._samples(rng)]
            found = hierarchical_interval([t for t, _ in made], made[0][1], rng=rng, resamples=resamples)
            held.append(found is not None and found.low <= 0 <= found.high)
        return ErrorRates(coverage=rate(np.array(held)), effect=0.0)

    def _samples(self, rng: np.random.Generator) -> list[Sample]:
        seed = rng.normal(0, 0.1 if self.seeds > 1 else 0.0, (2, self.seeds))
        unit = np.arange(self.examples)
        made = []
        for _ in range(self.tasks):
            item = rng.normal(size=(self.examples, 1))
            latent = [item + 0.8 + rng.normal(0, 0.2) + s + rng.normal(size=(self.examples, self.seeds)) for s in seed]
            first, second = ((side > 0)[:, :, None].astype(np.float64) for side in latent)
            made.append(Sample(first=first, second=second, gold=None, unit=unit))
        return made


@dataclass(frozen=True, kw_only=True)
class MeanRanksCase(CalibrationCase):
    """The ranks of systems of one mean over tasks: all pairs by max-T, no p below a pair's own, a task the unit."""

    systems: int
    tasks: int
    seeds: int
    seed_sd: float = 0.003

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell; type I is the share of studies in which some two equal systems are told apart."""
        sides = [{s: v * self.seeds + s for s in range(self.seeds)} for v in range(self.systems)]
        pairs = [(a, b) for a in range(self.systems) for b in range(a)]
        k = self.systems * self.seeds
        contrasts = tuple(make_contrast(sides[a], sides[b], columns=k) for a, b in pairs)
        wrong = []
        for _ in range(replicates):
            scores = rng.normal(0, 0.03, (self.tasks, self.systems, 1)) + rng.normal(0, 0.01, (self.tasks, 1, 1))
            scores = scores + rng.normal(0, 0.01, (self.tasks, self.systems, self.seeds))
            if self.seeds > 1:  # of one seed the claim is about the checkpoint, whose difference would be real
                scores = scores + rng.normal(0, self.seed_sd, (1, self.systems, self.seeds))
            table = task_contributions(scores.reshape(self.tasks, k))
            joint = joint_statistics([JointTask(table=table, contrasts=contrasts)], rng=rng, resamples=resamples)
            [adjusted] = max_t_families(joint, [range(len(joint.observed))])
            wrong.append(
                any(
                    p is not None and max(p, crossed_effect(table, contrast).p or 0.0) <= ALPHA
                    for p, contrast in zip(adjusted, contrasts, strict=True)
                )
            )
        return ErrorRates(type_one=rate(np.array(wrong)))


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
            rows = []
            for _ in range(replicates):
                found = joint_statistics(self._draw(pairs, moved, skill, rng), rng=rng, resamples=resamples)
                rows.append(
                    [p is not None and p <= ALPHA for p in max_t_families(found, [range(len(found.observed))])[0]]
                )
            return np.array(rows), np.tile([(a < moved) != (b < moved) for a, b in pairs], self.tasks)

        errors, false = rejected(self.moved, 2.0)
        power = None
        if not self.moved:
            found, true_effect = rejected(1, 0.6)
            each = found[:, true_effect].mean(axis=1)
            power = Rate(
                value=float(each.mean()), se=float(each.std(ddof=1) / np.sqrt(len(each))), replicates=len(each)
            )
        return ErrorRates(type_one=rate(np.any(errors[:, ~false], axis=1)), power=power)

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
    """Return type I of the replicates without a difference; coverage and power of those with `effect`.

    No interval is a miss.
    """
    return ErrorRates(
        type_one=rejections(null.p), coverage=rate((moved.low <= effect) & (effect <= moved.high)),
        power=rejections(moved.p), effect=effect,
    )  # fmt: skip


def half_width(found: Replicates) -> float:
    """Return half the median width of the intervals."""
    return float(np.nanmedian(found.high - found.low) / 2)
