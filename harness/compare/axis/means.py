"""Means over tasks of the effects of a step on each level, and of its interactions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.results import TREND, MeanEffect
from harness.compare.axis.sums import LevelSum, claim_of
from harness.compare.axis.tasks import AxisTask
from harness.compare.contrasts import VariantContrast
from harness.compare.overall import MeanVerdict, counts_across, everywhere, mean_verdict, untested
from harness.stats.across import LEAST_TASKS, across_tasks
from harness.stats.families import holm
from harness.suites.task import data_of


def means_over_tasks(
    axis: BaseAxis,
    steps: Sequence[VariantContrast],
    sums: Sequence[LevelSum],
    tasks: Sequence[AxisTask],
    *,
    alpha: float,
    seed: int,
    resamples: int,
) -> list[MeanEffect]:
    """Estimate the mean over tasks of every sum: for a step, over the tasks in which all its bases stand in one table.

    The interactions' means are a family of their own, by Holm.
    """
    made: list[MeanEffect] = []
    for step in steps:
        bases = {
            level.name: tuple(b for b in level.bases if any(b in task.bases(step, (b,)) for task in tasks))
            for level in axis.levels
        }
        of_step = [base for each in bases.values() for base in each]
        homes = [
            (task, home.table)
            for task in tasks
            if len(task.bases(step, of_step)) == len(of_step)
            and (home := task.home(step, of_step)) is not None
            and home.table is not None
            and counts_across(home)
        ]
        names = [(base, variant) for base in of_step for variant in (step.variant, step.against)]
        order = [(name, seed) for name in names for seed in everywhere([task.place[name][1] for task, _ in homes])]
        columns = {name: {s: i for i, (of, s) in enumerate(order) if of == name} for name in names}
        if not homes or not all(columns.values()):
            continue
        values = [
            table.value_kd[[task.place[name][1][seed] for name, seed in order]].mean(axis=1) for task, table in homes
        ]
        for each in sums:
            if not all(bases[name] for name, _ in each.weights):
                continue
            claim = claim_of(step, each, bases, columns, width=len(order))
            across = across_tasks(
                np.array(values), claim.contrast, units=[data_of(task.name.task) for task, _ in homes],
                rng=np.random.default_rng([seed, zlib.crc32(repr((step.variant, step.against, each)).encode())]),
                resamples=resamples,
            )  # fmt: skip
            if across.n_units < LEAST_TASKS:
                across = replace(across, raw=untested(across.raw))
            made.append(
                MeanEffect(step=step, level=each.level, against=each.against, across=across, sampled=claim.sampled)
            )
    claims = [i for i, each in enumerate(made) if each.against or each.level == TREND]
    for i, p in zip(claims, holm([made[i].across.raw.p for i in claims]), strict=True):
        if p is not None:
            verdict = MeanVerdict(verdict=mean_verdict(made[i].across.raw.value, p, alpha=alpha), p=p)
            made[i] = replace(made[i], verdict=verdict)
    return made
