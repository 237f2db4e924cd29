"""Average precision of pairs in order of predicted score, gold 1 or 0: without interpolation.

Manning, Raghavan and Schuetze 2008, Introduction to Information Retrieval, section 8.4.
"""

from __future__ import annotations

import math
from functools import partial

import pandas as pd

from harness.metrics.correlation import estimate_smooth, split_smooth
from harness.metrics.metric import Metric, scores_of


def _of(rows: pd.DataFrame) -> float:
    from sklearn.metrics import average_precision_score

    gold, predicted = scores_of(rows)
    return float(average_precision_score(gold, predicted)) if 0 < gold.sum() < len(gold) else math.nan


METRICS = (
    Metric(
        name="average_precision", answers="score", of=_of, split=partial(split_smooth, kind="average_precision"),
        estimate=estimate_smooth,
    ),
)  # fmt: skip
