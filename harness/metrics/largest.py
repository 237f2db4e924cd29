"""The largest predicted score: how far a loss moves at most. A maximum is described, not tested."""

from __future__ import annotations

import pandas as pd

from harness.metrics.metric import Asked, Found, Metric, scores_of


def _of(rows: pd.DataFrame) -> float:
    return float(scores_of(rows)[1].max())


def _describe(asked: Asked) -> list[Found]:
    values = asked.data.answer_nk.max(axis=0)
    return [Found(value=float(values @ weight)) for weight in asked.weights]


METRICS = (
    Metric(
        name="largest_change", answers="score", of=_of, estimate=_describe, better="lower", scale=1.0, digits=3,
        unit="bits", least_span=0.01,
    ),
)  # fmt: skip
