"""Spearman's and Pearson's correlation of gold and predicted scores, mean over trials."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, scores_of, tested

if TYPE_CHECKING:
    from harness.stats import Contributions

_Kind = Literal["spearman", "pearson"]


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


def _split(data: Aligned, *, kind: _Kind) -> Contributions:
    from harness.stats import correlation_contributions

    return correlation_contributions(data.gold, data.answer_nk, kind=kind, units=data.unit, blocks=data.trial)


def _estimate(asked: Asked, *, kind: _Kind) -> list[Found]:
    from harness.stats import correlation_effects

    data = asked.data
    found = correlation_effects(
        data.gold, data.answer_nk, asked.contrasts, kind=kind, rng=asked.rng, units=data.unit, blocks=data.trial,
        resamples=asked.resamples,
    )  # fmt: skip
    return [tested(each) for each in found]


_SPEARMAN = Metric(
    name="spearman",
    answers="score",
    of=_spearman,
    split=partial(_split, kind="spearman"),
    estimate=partial(_estimate, kind="spearman"),
    redraw=lambda data: (data.answer_nk, data.gold),
    undefined_if_constant=True,
)
_PEARSON = Metric(
    name="pearson",
    answers="score",
    of=_pearson,
    split=partial(_split, kind="pearson"),
    estimate=partial(_estimate, kind="pearson"),
    undefined_if_constant=True,
)
METRICS = (_PEARSON, _SPEARMAN)
