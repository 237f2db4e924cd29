"""Linear probes with group folds: every prediction comes from a fit that has not seen the example's fold.

Features are standardised on the training folds. The caller gives the folds, so that what must stay together
(a target word, a concept) does. Shapes: N examples, D features, K classes.
"""

from __future__ import annotations

import numpy as np

from harness.errors import HarnessError

INVERSE_PENALTY = 0.1  # scikit-learn's C
RIDGE_PENALTY = 100.0  # scikit-learn's alpha
_MAX_ITERATIONS = 300


def classify_out_of_fold(
    features_ND: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    inverse_penalty: float = INVERSE_PENALTY,
) -> np.ndarray:
    """Predicted labels (N,) of a multinomial logistic regression with an L2 penalty, fitted without each fold.

    Raises HarnessError if the arrays disagree in length, a feature is not finite, or there is one fold only.
    """
    from sklearn.linear_model import LogisticRegression

    _check(features_ND, labels, folds)
    predicted = np.empty(len(labels), dtype=labels.dtype)
    for fold in np.unique(folds):
        test = folds == fold
        train_ND, test_ND = standardise(features_ND[~test], features_ND[test])
        probe = LogisticRegression(C=inverse_penalty, max_iter=_MAX_ITERATIONS, tol=1e-3)
        predicted[test] = probe.fit(train_ND, labels[~test]).predict(test_ND)
    return predicted


def regress_out_of_fold(
    features_ND: np.ndarray, targets: np.ndarray, folds: np.ndarray, *, penalty: float = RIDGE_PENALTY
) -> np.ndarray:
    """Predicted targets (N,) of a ridge regression with an intercept, fitted without each fold.

    Raises HarnessError as `classify_out_of_fold` does.
    """
    from sklearn.linear_model import Ridge

    _check(features_ND, targets, folds)
    predicted = np.empty(len(targets), dtype=float)
    for fold in np.unique(folds):
        test = folds == fold
        train_ND, test_ND = standardise(features_ND[~test], features_ND[test])
        predicted[test] = Ridge(alpha=penalty).fit(train_ND, targets[~test]).predict(test_ND)
    return predicted


def standardise(train_ND: np.ndarray, test_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in float64, centred and scaled by the training array; a constant feature becomes 0."""
    train, test = train_ND.astype(float), test_ND.astype(float)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    constant = deviation < 1e-8  # differences of this size are the order of a sum, not information
    scale = np.where(constant, 1.0, deviation)
    scaled_train, scaled_test = (train - mean) / scale, (test - mean) / scale
    scaled_train[:, constant] = 0.0
    scaled_test[:, constant] = 0.0
    return scaled_train, scaled_test


def _check(features_ND: np.ndarray, answers: np.ndarray, folds: np.ndarray) -> None:
    if not len(features_ND) == len(answers) == len(folds):
        raise HarnessError(f"a probe needs equally many rows: {len(features_ND)}, {len(answers)}, {len(folds)}")
    if not np.isfinite(features_ND).all():
        raise HarnessError("the encoder gave a vector that is not finite; look at its weights and its precision")
    if len(np.unique(folds)) < 2:
        raise HarnessError("a probe needs at least two folds, one to fit and one to test")
