"""Metrics of rankings (nDCG, MAP and others at a cut): a number a query, and the mean over queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from harness.metrics.accuracy import estimate_mean
from harness.metrics.answers import Aligned
from harness.metrics.metric import Metric, scores_of

if TYPE_CHECKING:
    from harness.stats.contributions import Contributions

CUTS = (1, 2, 3, 5, 10, 20, 100, 1000)  # of a ranking; mteb's main scores use these


def _mean(rows: pd.DataFrame) -> float:
    values = scores_of(rows)[1].tolist()
    return sum(values) / len(values)


def _rounded_mean(rows: pd.DataFrame) -> float:
    """To five decimals, as mteb rounds it."""
    return round(_mean(rows), 5)


def _split(data: Aligned) -> Contributions:
    from harness.stats.contributions import mean_contributions

    return mean_contributions(data.answer_nk, units=data.unit, weights=data.weight)


METRICS = tuple(
    Metric(name=f"{name}_at_{cut}", answers="score", of=of, split=_split, estimate=estimate_mean)
    for name, of in (
        *((name, _rounded_mean) for name in ("ndcg", "map", "recall", "precision", "hit_rate")),
        ("mrr", _mean),  # the one that mteb does not round
    )
    for cut in CUTS
)
