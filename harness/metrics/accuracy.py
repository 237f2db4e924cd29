"""Accuracy: the share of labels that are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, tested

if TYPE_CHECKING:
    from harness.stats.contributions import Contributions
    from harness.stats.mcnemar import McNemar

_NONE = {"layer": -1.0, "position": 0.0}  # where an outcome has none
_SPREAD = 1e8  # far more than there are positions


def _of(rows: pd.DataFrame) -> float:
    """Mean over the cells of layer and position within a trial: cells of unequal size weigh the same."""
    correct = (rows["gold_label"] == rows["predicted_label"]).to_numpy(dtype=float)
    layer, position = (rows[name].to_numpy(dtype=float, na_value=none) for name, none in _NONE.items())
    _, cell = np.unique(_SPREAD * layer + position, return_inverse=True)
    return float((np.bincount(cell, weights=correct) / np.bincount(cell)).mean())


def _split(data: Aligned) -> Contributions:
    """Where every unit is in every trial (draws of training examples) the draw is a factor; folds are not one."""
    from harness.stats.contributions import fully_crossed, mean_contributions

    draws = data.trial if fully_crossed(data.unit, data.trial) else None
    return mean_contributions(data.correct_nk, units=data.unit, weights=data.weight, draws=draws)


def estimate_mean(asked: Asked) -> list[Found]:
    """Estimate and test differences of means by sign flips."""
    from harness.stats.effects import mean_effects

    assert asked.table is not None, "a mean that is tested is split over units"
    found = mean_effects(asked.table, asked.contrasts, rng=asked.rng, resamples=asked.resamples)
    return [tested(each) for each in found]


def _mcnemar(data: Aligned, first: Sequence[int], second: Sequence[int]) -> McNemar | None:
    """Return the exact check where it applies: one checkpoint a side, one answer an example, no clusters of them."""
    from harness.stats.mcnemar import mcnemar_test

    if len(first) != 1 or len(second) != 1 or not len(data.gold) == data.n_examples == data.n_units:
        return None
    right = data.correct_nk
    return mcnemar_test(right[:, first[0]], right[:, second[0]])


METRICS = (
    Metric(
        name="accuracy",
        answers="label",
        of=_of,
        split=_split,
        estimate=estimate_mean,
        mcnemar=_mcnemar,
        redraw=lambda data: (data.correct_nk, None),
    ),
)
