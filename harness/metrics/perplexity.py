"""Perplexity: exp of nats over tokens.

These are the same losses as bits per byte, over tokens in place of bytes: testing both would count one finding twice.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.metrics.metric import Asked, Found, Metric
from harness.metrics.ratio import rates, ratio


def _of(rows: pd.DataFrame) -> float:
    return math.exp(min(ratio(rows), 700.0))  # e^700 is the last that a float holds


def _describe(asked: Asked) -> list[Found]:
    """Scores have intervals, made on the log scale; differences have none."""
    from harness.stats.effects import mean_estimates

    rate_nk, weight = rates(asked.data)
    weights = asked.weights
    values = np.exp(np.average(rate_nk, axis=0, weights=weight))
    found = [Found(value=float(values @ contrast)) for contrast in weights]
    scores = np.flatnonzero(weights.sum(axis=1) > 0.5)  # the weights of a difference sum to 0
    columns = rate_nk @ weights[scores].T
    logs = mean_estimates(columns, units=asked.data.unit, weights=weight)
    for place, estimate in zip(scores, logs, strict=True):
        if (ends := estimate.interval) is not None:
            low, high = float(np.exp(ends.low)), float(np.exp(ends.high))
            interval = replace(ends, low=low, high=high, method=f"{ends.method}, on the log scale")
            found[place] = replace(found[place], interval=interval)
    return found


METRICS = (
    Metric(
        name="perplexity", answers="score", of=_of, estimate=_describe, better="lower", scale=1.0, digits=2,
        unit="perplexity", least_span=0.1,
    ),
)  # fmt: skip
