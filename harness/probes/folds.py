"""Folds that keep what belongs together in one of them, and are alike in what is to be predicted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

BINS = 5  # ranges of a score, filled equally, that folds are made alike in


def group_folds(answers: NDArray[np.generic], groups: Sequence[str], *, n_folds: int, repeats: int) -> NDArray[np.intp]:
    """(R, N): the fold of each example in each repeat. A group is in one fold; classes, or ranges of a score, spread.

    Raises HarnessError if there are fewer groups than folds, or only one label.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if len(np.unique(answers)) < 2:
        raise HarnessError(
            "all examples have the same label, so there is nothing to predict; give examples with different labels"
        )
    if len(set(groups)) < n_folds:
        raise HarnessError(f"{len(set(groups))} target words cannot be spread over {n_folds} folds; give more examples")
    strata = answers if answers.dtype.kind in "iuOUS" else _ranges(answers.astype(float))
    return _draw(StratifiedGroupKFold, strata, groups, n_folds=n_folds, repeats=repeats)


def mixed_folds(labels: NDArray[np.generic], *, n_folds: int, repeats: int) -> NDArray[np.intp]:
    """(R, N): folds that spread the labels and keep nothing together."""
    from sklearn.model_selection import StratifiedKFold

    return _draw(StratifiedKFold, labels, None, n_folds=n_folds, repeats=repeats)


def _draw(
    kind: Any, strata: NDArray[np.generic], groups: Sequence[str] | None, *, n_folds: int, repeats: int
) -> NDArray[np.intp]:
    folds = np.empty((repeats, len(strata)), dtype=np.intp)
    for seed, fold_N in enumerate(folds):
        splitter = kind(n_folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes with fewer examples than folds
            for fold, (_, test) in enumerate(splitter.split(np.zeros(len(strata)), strata, groups)):
                fold_N[test] = fold
    return folds


def check_fits(train_FN: NDArray[np.bool_], answers: int) -> None:
    """Raise HarnessError if there are not so many answers as rows, or a fit has no row to train on."""
    if train_FN.shape[1] != answers:
        raise HarnessError(f"a probe needs equally many rows: {answers}, {train_FN.shape[1]}")
    if not train_FN.any(axis=1).all():
        raise HarnessError("a probe has no training example; give each fit at least one")


def check_rows(features: NDArray[np.floating], train_FN: NDArray[np.bool_], answers: int) -> None:
    """Of features (…, N, D): as `check_fits`, and HarnessError for other rows or a feature that is not finite."""
    check_fits(train_FN, answers)
    if features.shape[-2] != answers:
        raise HarnessError(f"a probe needs equally many rows: {features.shape[-2]}, {answers}")
    if not np.isfinite(features).all():
        raise HarnessError("the encoder gave a vector that is not finite; check its weights and its precision")


def _ranges(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    edges = np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, scores)
