"""Score = metric(outcomes). The same functions make a score, check it against mteb's, and recompute it later."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from harness.errors import HarnessError

TOLERANCE = 1e-6


def score_outcomes(metric: str, outcomes: pd.DataFrame) -> float:
    """Aggregate `outcomes` (columns as harness.outcomes) into one number.

    accuracy, v_measure: mean over trials of the trial's value (mteb's convention for its draws); spearman,
    pearson: correlation of gold and predicted scores over all examples, mean over trials. Within a trial
    accuracy is taken per (layer, position) cell and averaged, so cells of unequal size weigh the same.
    Raises HarnessError for an unknown metric or a value that is not finite (constant predictions).
    """
    try:
        one_trial = _METRICS[metric]
    except KeyError:
        raise HarnessError(f"unknown metric {metric!r}; known: {', '.join(sorted(_METRICS))}") from None
    score = float(np.mean([one_trial(rows) for _, rows in outcomes.groupby("trial", sort=True)]))
    if not math.isfinite(score):
        raise HarnessError(f"{metric} is not defined on these outcomes: the predictions or the labels are constant")
    return score


def _accuracy(rows: pd.DataFrame) -> float:
    correct = (rows["gold_label"] == rows["predicted_label"]).astype(float)
    cells = [rows["layer"].fillna(-1), rows["position"].fillna(0)]
    return float(correct.groupby(cells).mean().mean())


def _v_measure(rows: pd.DataFrame) -> float:
    from sklearn.metrics import v_measure_score

    return float(v_measure_score(rows["gold_label"].to_numpy(), rows["predicted_label"].to_numpy()))


def _pearson(rows: pd.DataFrame) -> float:
    gold, predicted = _scores(rows)
    if gold.std() == 0 or predicted.std() == 0:
        return math.nan
    return float(np.corrcoef(gold, predicted)[0, 1])


def _spearman(rows: pd.DataFrame) -> float:
    from scipy.stats import rankdata

    gold, predicted = (rankdata(x) for x in _scores(rows))
    if gold.std() == 0 or predicted.std() == 0:
        return math.nan
    return float(np.corrcoef(gold, predicted)[0, 1])


def _scores(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows["gold_score"].to_numpy(dtype=float), rows["predicted_score"].to_numpy(dtype=float)


_METRICS = {"accuracy": _accuracy, "v_measure": _v_measure, "pearson": _pearson, "spearman": _spearman}
