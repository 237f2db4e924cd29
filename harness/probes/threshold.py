"""The simplest probe: one threshold on one number, chosen on the other folds."""

from __future__ import annotations

import numpy as np

from harness.errors import HarnessError


def threshold_out_of_fold(values: np.ndarray, positive: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Whether each of the N `values` is above the threshold that is most accurate on the other folds, (N,) bool.

    Raises HarnessError if a value is not finite or there is one fold only.
    """
    if not np.isfinite(values).all():
        raise HarnessError("a similarity is not finite; check the encoder's weights and its precision")
    if len(np.unique(folds)) < 2:
        raise HarnessError("a threshold needs at least two folds, one to choose it and one to test it")
    predicted = np.empty(len(values), dtype=bool)
    for fold in np.unique(folds):
        test = folds == fold
        predicted[test] = values[test] > best_threshold(values[~test], positive[~test])
    return predicted


def best_threshold(values: np.ndarray, positive: np.ndarray) -> float:
    """The threshold t for which `values > t` agrees most often with `positive`.

    Candidates lie halfway between neighbouring values, and outside both ends; of several best ones the middle one.
    """
    order = np.argsort(values, kind="stable")
    ordered, truth = values[order], positive[order].astype(int)
    # Cutting after the first i values: those are called negative, the rest positive.
    correct = np.concatenate([[0], np.cumsum(1 - truth)]) + truth.sum() - np.concatenate([[0], np.cumsum(truth)])
    cuts = np.concatenate([[ordered[0] - 1.0], (ordered[1:] + ordered[:-1]) / 2, [ordered[-1] + 1.0]])
    # A cut between equal values cannot be made.
    possible = np.concatenate([[True], ordered[1:] > ordered[:-1], [True]])
    best = np.flatnonzero(possible & (correct == correct[possible].max()))
    return float(cuts[best[len(best) // 2]])
