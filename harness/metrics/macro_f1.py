"""Macro F1: the mean over classes of F1. It is no mean over examples, and nothing of it is tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.answers import Aligned
from harness.metrics.metric import Found, Metric, weights_of

if TYPE_CHECKING:
    from harness.stats import Contrast, Contributions


def _f1(gold: NDArray[np.generic], said: NDArray[np.generic]) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(gold, said, average="macro", zero_division=0.0))


def _of(rows: pd.DataFrame) -> float:
    return _f1(rows["gold_label"].to_numpy(dtype=object), rows["predicted_label"].to_numpy(dtype=object))


def _estimate(
    data: Aligned,
    contrasts: Sequence[Contrast],
    *,
    table: Contributions | None,
    rng: np.random.Generator,
    resamples: int,
) -> list[Found]:
    """Describe each column's mean over trials; a code that the gold never has counts as a class, as in mteb."""
    trials = [data.trial == t for t in range(data.n_trials)]
    score_k = np.array([np.mean([_f1(data.gold[rows], said[rows]) for rows in trials]) for said in data.answer_nk.T])
    return [Found(value=float(value)) for value in weights_of(contrasts, data) @ score_k]


METRICS = (Metric(name="macro_f1", answers="label", of=_of, estimate=_estimate),)
