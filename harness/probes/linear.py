"""Linear probes of one layer by scikit-learn: every prediction comes from a fit without the example's fold.

The mini suite uses these, the words suite the solvers for many fits at once (`logistic`, `ridge`), which have the same
minimum. The two are kept apart because scikit-learn stops earlier: at the minimum up to 67 of 1,920 predicted labels of
a mini task differ, and stored results would change. Shapes: N examples, D features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.probes.folds import check_rows

INVERSE_PENALTY = 0.1  # scikit-learn's C
RIDGE_PENALTY = 100.0  # scikit-learn's alpha
_MAX_ITERATIONS = 300


def classify_out_of_fold(features_ND: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predicted labels (N,) of a multinomial logistic regression with an L2 penalty.

    Raises HarnessError if the arrays disagree in length, a feature is not finite, or there is one fold only.
    """
    from sklearn.linear_model import LogisticRegression

    probe = LogisticRegression(C=INVERSE_PENALTY, max_iter=_MAX_ITERATIONS, tol=1e-3)
    return _out_of_fold(probe, features_ND, labels, folds)


def regress_out_of_fold(features_ND: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predicted targets (N,), floats, of a ridge regression with an intercept. Errors as `classify_out_of_fold`."""
    from sklearn.linear_model import Ridge

    return _out_of_fold(Ridge(alpha=RIDGE_PENALTY), features_ND, targets, folds)


def _out_of_fold(probe: Any, features_ND: np.ndarray, answers: np.ndarray, folds: np.ndarray) -> np.ndarray:
    train_FN = folds != np.unique(folds)[:, None]
    check_rows(features_ND[None], train_FN, len(answers))
    predicted = np.empty(len(answers), dtype=answers.dtype)
    for train in train_FN:
        train_ND, test_ND = _standardise(features_ND[train], features_ND[~train])
        predicted[~train] = probe.fit(train_ND, answers[train]).predict(test_ND)
    return predicted


def _standardise(train_ND: np.ndarray, test_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in float64, centred and scaled by the training array; a constant feature becomes 0."""
    train, test = train_ND.astype(float), test_ND.astype(float)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    constant = deviation < 1e-8  # differences of this size are the order of a sum, not information
    scale = np.where(constant, 1.0, deviation)
    scaled_train, scaled_test = (train - mean) / scale, (test - mean) / scale
    scaled_train[:, constant] = 0.0
    scaled_test[:, constant] = 0.0
    return scaled_train, scaled_test
