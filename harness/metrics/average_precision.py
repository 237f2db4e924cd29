"""Average precision of pairs in order of predicted score, gold 1 or 0: without interpolation.

Manning, Raghavan and Schuetze 2008, Introduction to Information Retrieval, section 8.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, scores_of, tested

if TYPE_CHECKING:
    from harness.stats import Contributions


def _of(rows: pd.DataFrame) -> float:
    from sklearn.metrics import average_precision_score

    gold, predicted = scores_of(rows)
    return float(average_precision_score(gold, predicted)) if 0 < gold.sum() < len(gold) else math.nan


def _split(data: Aligned) -> Contributions:
    from harness.stats import correlation_contributions

    return correlation_contributions(
        data.gold, data.answer_nk, kind="average_precision", units=data.unit, blocks=data.trial
    )


def _estimate(asked: Asked) -> list[Found]:
    from harness.stats import smooth_effects

    return [tested(each) for each in smooth_effects(asked.table or _split(asked.data), asked.contrasts)]


METRICS = (Metric(name="average_precision", answers="score", of=_of, split=_split, estimate=_estimate),)
