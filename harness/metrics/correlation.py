"""Spearman's and Pearson's correlation of gold and predicted scores, mean over trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, scores_of, tested

if TYPE_CHECKING:
    from harness.stats.contributions import Contributions
    from harness.stats.influence import Correlation, Smooth


def _pearson(rows: pd.DataFrame) -> float:
    return _correlate(*scores_of(rows))


def _spearman(rows: pd.DataFrame) -> float:
    from scipy.stats import rankdata

    gold, predicted = (rankdata(x) for x in scores_of(rows))
    return _correlate(gold, predicted)


def _correlate(gold: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    if gold.std() == 0 or predicted.std() == 0:
        return math.nan
    return float(np.corrcoef(gold, predicted)[0, 1])


def split_smooth(data: Aligned, *, kind: Smooth) -> Contributions:
    """Split a score that is a sum over units to first order, the mean over trials."""
    from harness.stats.contributions import correlation_contributions

    return correlation_contributions(data.gold, data.answer_nk, kind=kind, units=data.unit, blocks=data.trial)


def estimate_smooth(asked: Asked) -> list[Found]:
    """Estimate and test differences of scores that are sums over units to first order."""
    from harness.stats.effects import smooth_effects

    assert asked.table is not None, "a score that is tested is split over units"
    return [tested(each) for each in smooth_effects(asked.table, asked.contrasts)]


def _metric(kind: Correlation, of: Callable[[pd.DataFrame], float]) -> Metric:
    return Metric(
        name=kind, answers="score", of=of, split=partial(split_smooth, kind=kind),
        estimate=estimate_smooth, undefined_if_constant=True,
    )  # fmt: skip


METRICS = (
    _metric("pearson", _pearson),
    replace(_metric("spearman", _spearman), redraw=lambda data: (data.answer_nk, data.gold)),
)
