"""Linear probes against scikit-learn called by hand."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.probes.linear import INVERSE_PENALTY, RIDGE_PENALTY, classify_out_of_fold, regress_out_of_fold

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 8)) * np.arange(1, 9) + 3
CLASSES = np.array([f"c{k}" for k in np.argmax(X[:, :3] / np.arange(1, 4) + rng.normal(size=(240, 3)), axis=1)])
TARGETS = X @ np.arange(8) + rng.normal(size=240)
FOLDS = np.arange(240) % 4


def test_classification_equals_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=2000, tol=1e-8))
    expected = cross_val_predict(model, X, CLASSES, cv=PredefinedSplit(FOLDS))
    predicted = classify_out_of_fold(X, CLASSES, FOLDS)
    assert (predicted == expected).mean() > 0.99
    assert (predicted == CLASSES).mean() > 0.6


def test_regression_equals_scikit_learn() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    expected = cross_val_predict(
        make_pipeline(StandardScaler(), Ridge(alpha=RIDGE_PENALTY)), X, TARGETS, cv=PredefinedSplit(FOLDS)
    )
    np.testing.assert_allclose(regress_out_of_fold(X, TARGETS, FOLDS), expected, rtol=1e-8)


def test_no_prediction_comes_from_its_own_fold() -> None:
    """The features name the example's group; only a probe that saw the group could know the group's label."""
    groups = np.repeat(np.arange(40), 5)
    one_hot = np.eye(40)[groups]
    labels = rng.permutation(np.repeat(["a", "b"], 20))[groups]
    accuracy = (classify_out_of_fold(one_hot, labels, groups % 4) == labels).mean()
    assert 0.25 < accuracy < 0.75
    assert (classify_out_of_fold(one_hot, labels, np.arange(200) % 4) == labels).mean() == 1.0


def test_features_without_information_give_one_answer() -> None:
    constant = np.full((240, 5), 0.1, dtype=np.float32)
    constant += np.linspace(0, 1e-9, 240, dtype=np.float32)[:, None]
    predicted = regress_out_of_fold(constant, TARGETS, FOLDS)
    for fold in range(4):
        assert np.ptp(predicted[fold == FOLDS]) < 1e-6


@pytest.mark.parametrize(
    ("features", "labels", "folds", "words"),
    [
        (X[:10], CLASSES, FOLDS, "equally many"),
        (np.full_like(X, np.nan), CLASSES, FOLDS, "not finite"),
        (X, CLASSES, np.zeros(240), "no training example"),
    ],
)
def test_bad_input_is_named(features: np.ndarray, labels: np.ndarray, folds: np.ndarray, words: str) -> None:
    with pytest.raises(HarnessError, match=words):
        classify_out_of_fold(features, labels, folds)
