"""Weighted sums of the effects of one step over the levels of an axis, and what is a sample in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.results import TREND, Sampled
from harness.compare.contrasts import VariantContrast
from harness.compare.estimates import SEEDS_FOR_A_RECIPE
from harness.compare.one_task import Name
from harness.outcomes import TaskKey
from harness.stats.contrast import Contrast, make_contrast, over_replicates, within_replicates

LEAST_FOR_A_TREND = 4  # over three levels it is half the difference of the last and the first


@dataclass(frozen=True, kw_only=True)
class LevelSum:
    """A weighted sum of a step's effects over levels: an effect is one of a single level."""

    level: str
    against: str
    weights: tuple[tuple[str, float], ...]

    @property
    def is_effect(self) -> bool:
        return len(self.weights) == 1


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A contrast as far as a claim goes, and the one with the widest sample that can be estimated."""

    contrast: Contrast
    sampled: Sampled
    crossed: Contrast | None


def sums_of(axis: BaseAxis) -> list[LevelSum]:
    """Return what is estimated of a step: its effect on each level, and the interactions."""
    names = [level.name for level in axis.levels]
    first = axis.first.name
    found = [LevelSum(level=name, against="", weights=((name, 1.0),)) for name in names]
    found += [LevelSum(level=name, against=first, weights=((name, 1.0), (first, -1.0))) for name in names[1:]]
    if len(names) >= LEAST_FOR_A_TREND:
        place = np.arange(len(names)) - (len(names) - 1) / 2
        slope = place / (place**2).sum()
        weights = tuple((name, weight) for name, weight in zip(names, slope.tolist(), strict=True) if weight)
        found.append(LevelSum(level=TREND, against="", weights=weights))
    return found


def claim_of(
    step: VariantContrast,
    of: LevelSum,
    bases: Mapping[str, Sequence[str]],
    columns: Mapping[Name, Mapping[int | None, int]],
    *,
    width: int,
) -> Claim:
    """Return the contrast of a sum, with what is a sample in it: five of a kind at least, else these checkpoints."""
    levels = [
        (
            weight,
            {b: make_contrast(columns[b, step.variant], columns[b, step.against], columns=width) for b in bases[name]},
        )
        for name, weight in of.weights
    ]
    over, within = over_replicates(levels), within_replicates(levels)
    widest = next((each for each in (over, within) if each.seeds_vary), None)
    if over.n_seeds >= SEEDS_FOR_A_RECIPE:
        return Claim(contrast=over, sampled="pretraining seeds", crossed=widest)
    if within.n_seeds >= SEEDS_FOR_A_RECIPE:
        return Claim(contrast=within, sampled="training seeds", crossed=widest)
    return Claim(contrast=within.fixed(), sampled="checkpoints", crossed=widest)


def floor_of(
    of: LevelSum, bases: Mapping[str, Sequence[str]], floors: Mapping[str, Mapping[TaskKey, float]], key: TaskKey
) -> float | None:
    """Return how far a sum of identical runs may lie from 0: the floors of its levels by their weights, where known."""
    known = [
        abs(weight) * max(found)
        for name, weight in of.weights
        if (found := [floors[base][key] for base in bases[name] if key in floors.get(base, {})])
    ]
    return sum(known) if known else None
