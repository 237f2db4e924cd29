"""Over the tasks of one comparison: their mean, and on how many of them the variant is better."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from harness.compare.estimates import SeedColumns, claimed
from harness.compare.families import established
from harness.compare.one_task import NamePair, Panel
from harness.compare.results import Comparison, TaskComparison, Verdict
from harness.metrics import get_metric
from harness.outcomes import TaskKey
from harness.stats.across import LEAST_TASKS, AcrossTasks, across_tasks
from harness.stats.conjunction import Replicability, one_sided, replicability
from harness.stats.contrast import make_contrast
from harness.stats.effects import example_sd
from harness.stats.estimate import Estimate
from harness.stats.families import holm
from harness.stats.leave_out import LeaveOneOut, leave_one_out
from harness.suites.retention import TASK_TYPE as RETENTION
from harness.suites.task import data_of

MEAN_METRIC = "accuracy"  # a mean over tasks is written as this metric: in points, higher is better


class _OfTask(Protocol):
    @property
    def key(self) -> TaskKey: ...
    @property
    def task_type(self) -> str: ...


def counts_across(task: _OfTask) -> bool:
    """Whether a task is part of means over tasks: one of the encoder's, tested, in points, higher is better."""
    metric = get_metric(task.key.metric)
    return task.task_type != RETENTION and metric.better == "higher" and metric.scale == 100.0


def mean_verdict(value: float, p: float | None, *, alpha: float) -> Verdict:
    """Return what may be said of a mean over tasks: better or worse if its p is at most `alpha`."""
    if not established(value, p, alpha=alpha):
        return "undecided"
    return "better" if value > 0 else "worse"


@dataclass(frozen=True, kw_only=True)
class MeanVerdict:
    """What is said of the mean over tasks of one comparison, with the `p` that it rests on."""

    verdict: Verdict
    p: float


def judge_means(first: Comparison | None, others: Sequence[Comparison]) -> list[MeanVerdict | None]:
    """Judge the mean of `first`, then those of `others`; None where a mean is not tested.

    The headline was declared as the first claim, so its test stands alone. The others are adjusted by Holm, and none of
    them has a p below that of the headline. The order was fixed before any result was seen, so it keeps the family-wise
    error rate (Westfall and Krishen 2001, JSPI 99).
    """
    gate = _own_p(first) if first is not None else 0.0
    adjusted = [None if p is None else max(p, gate or 0.0) for p in holm([_own_p(each) for each in others])]
    every = (
        [(first, gate), *zip(others, adjusted, strict=True)]
        if first is not None
        else zip(others, adjusted, strict=True)
    )
    return [
        None
        if p is None or each.across is None
        else MeanVerdict(verdict=mean_verdict(each.across.raw.value, p, alpha=each.alpha), p=p)
        for each, p in every
    ]


def _own_p(comparison: Comparison) -> float | None:
    return comparison.across.raw.p if comparison.across is not None else None


def mean_over_tasks(
    panels: Sequence[Panel], pair: NamePair, *, seed: int, resamples: int
) -> tuple[AcrossTasks | None, LeaveOneOut | None]:
    """Estimate the mean difference of `pair` over the panels in which both are, on the seeds they have in all.

    And the same with one task, or one seed, left out each time. The standardised effect divides each task by the
    standard deviation of an example's difference between two checkpoints. None without a task, or where no seed of a
    system was measured on all of them.
    """
    shared = [p for p in panels if counts_across(p) and all(name in p.columns for name in pair)]
    sides = [everywhere([p.columns[name] for p in shared]) for name in pair]
    if not shared or not all(sides):
        return None, None
    rows, scales = [], []
    first = {s: i for i, s in enumerate(sides[0])}
    second = {s: i for i, s in enumerate(sides[1], len(first))}
    whole = make_contrast(first, second, columns=len(first) + len(second))
    contrast = claimed(whole)
    for panel in shared:
        columns = [panel.columns[name][s] for name, side in zip(pair, sides, strict=True) for s in side]
        rows.append(panel.table.value_kd[columns].mean(axis=1))
        a, b = ({s: panel.columns[name][s] for s in side} for name, side in zip(pair, sides, strict=True))
        scales.append(example_sd(panel.table, make_contrast(a, b, columns=len(panel.table.value_kd))))
    rng = np.random.default_rng([seed, zlib.crc32(repr(pair).encode())])
    units = [data_of(panel.key.task) for panel in shared]
    found = across_tasks(np.array(rows), contrast, scale_t=scales, units=units, rng=rng, resamples=resamples)
    without = leave_one_out(
        rows, whole, tasks=[panel.key.task for panel in shared], units=units, sample=contrast.seeds_vary,
        rng=rng.spawn(1)[0], resamples=resamples,
    )  # fmt: skip
    if found.n_units >= LEAST_TASKS:
        return found, without
    apart = found.standardised
    return replace(found, raw=untested(found.raw), standardised=apart and untested(apart)), without


def better_on(tasks: Sequence[TaskComparison], *, alpha: float) -> Replicability | None:
    """Return on at least how many of the encoder's tested tasks the variant is better, by partial conjunction.

    Bonferroni's combination: tasks share checkpoints, so they are not independent. A difference within the noise floor
    counts for nothing. None where nothing was tested.
    """
    tested = [t for t in tasks if not t.is_retention and t.p is not None]
    if not tested:
        return None
    sided = [1.0 if _tie(t) else one_sided(t.p, get_metric(t.key.metric).gain(t.difference)) for t in tested]
    return replicability(sided, alpha=alpha)


def untested(estimate: Estimate) -> Estimate:
    """Return the estimate of a mean over too few tasks: a value, and nothing that claims more."""
    return replace(estimate, p=None, interval=None, test="")


def _tie(task: TaskComparison) -> bool:
    return task.floor is not None and abs(task.difference) <= task.floor


def everywhere(columns: Sequence[SeedColumns]) -> list[int | None]:
    """Return the seeds that are in all of `columns`, in order."""
    return [seed for seed in columns[0] if all(seed in each for each in columns)] if columns else []
