"""Metrics: one file a family, and in it everything that the house knows about the metrics of that family.

A new metric is an entry in the `METRICS` of its family's file, or a new file and its name in `_FAMILIES`. All that
others ask is an attribute or a method of `Metric`: no other file tells metrics apart by their names.
"""

from __future__ import annotations

import math
from importlib import import_module
from itertools import pairwise

import numpy as np
import pandas as pd

from harness.errors import HarnessError, near_names
from harness.metrics.answers import Aligned, AnswerKind
from harness.metrics.metric import Asked, Found, Metric, interval_words

TOLERANCE = 1e-6
_FAMILIES = (
    "ranking", "accuracy", "f1", "v_measure", "average_precision", "correlation", "ratio", "perplexity",
    "largest",
)  # fmt: skip
METRICS: dict[str, Metric] = {
    metric.name: metric for family in _FAMILIES for metric in import_module(f"{__name__}.{family}").METRICS
}
__all__ = [
    "METRICS", "TOLERANCE", "Aligned", "AnswerKind", "Asked", "Found", "Metric", "get_metric", "interval_words",
    "score_outcomes",
]  # fmt: skip


def get_metric(name: str) -> Metric:
    """Return the metric called `name`; raise HarnessError if there is none."""
    try:
        return METRICS[name]
    except KeyError:
        raise HarnessError(f"unknown metric {name!r}; {near_names(name, METRICS)}") from None


def score_outcomes(metric: str, outcomes: pd.DataFrame) -> float:
    """Aggregate `outcomes` (columns as harness.outcomes) into one number: the mean over trials of `Metric.of`.

    Raises HarnessError for an unknown metric or a value that is not finite (constant predictions).
    """
    of = get_metric(metric).of
    score = float(np.mean([of(rows) for rows in _trials(outcomes)]))
    if not math.isfinite(score):
        raise HarnessError(f"{metric} is not defined on these outcomes: the predictions or the labels are constant")
    return score


def _trials(outcomes: pd.DataFrame) -> list[pd.DataFrame]:
    """The outcomes of each trial, in the order of trials; without the cost of a groupby, which most tasks need not."""
    trial = outcomes["trial"].to_numpy()
    if (trial[1:] < trial[:-1]).any():
        order = np.argsort(trial, kind="stable")
        outcomes, trial = outcomes.iloc[order], trial[order]
    ends = [0, *(np.flatnonzero(trial[1:] != trial[:-1]) + 1), len(trial)]
    return [outcomes.iloc[first:end] for first, end in pairwise(ends)] if len(ends) > 2 else [outcomes]
