"""Macro F1: the mean over classes of F1. It is no mean over examples, and nothing of it is tested."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.metric import Asked, Found, Metric


def _f1(gold: NDArray[np.generic], said: NDArray[np.generic]) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(gold, said, average="macro", zero_division=0.0))


def _of(rows: pd.DataFrame) -> float:
    return _f1(rows["gold_label"].to_numpy(dtype=object), rows["predicted_label"].to_numpy(dtype=object))


def _estimate(asked: Asked) -> list[Found]:
    """Describe each column's mean over trials; a code that the gold never has counts as a class, as in mteb."""
    data = asked.data
    trials = [data.trial == t for t in range(data.n_trials)]
    score_k = np.array([np.mean([_f1(data.gold[rows], said[rows]) for rows in trials]) for said in data.answer_nk.T])
    return [Found(value=float(value)) for value in asked.weights @ score_k]


METRICS = (Metric(name="macro_f1", answers="label", of=_of, estimate=_estimate),)
