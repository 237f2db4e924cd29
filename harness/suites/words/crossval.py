"""Out-of-fold answers of probes at every layer and position, and of the layer that the training folds choose.

Shapes: L layers, P positions, R repeats of the folds, N examples, T targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.probes.logistic import fit_logistic
from harness.probes.ridge import fit_ridge

N_FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Predicted classes of every layer (L, P, R, N), and of the layer chosen for each fold (P, R, N)."""

    by_layer: NDArray[np.intp]
    best: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Predicted scores of every layer (L, T, R, N), and of the layer chosen for each fold (T, R, N)."""

    by_layer: NDArray[np.float64]
    best: NDArray[np.float64]


def predict_labels(
    vectors_LPND: NDArray[np.float32], labels_N: NDArray[np.intp], folds_RN: NDArray[np.intp], *, classes: int
) -> Labels:
    """Logistic probes. For each fold the layer is the one whose probe, fitted without that fold and the next, is most
    accurate on the next: the fold that is predicted has no say in it.
    """
    layers, positions, n, d = vectors_LPND.shape
    inner = layers > 1
    train_FN, held = _fits(folds_RN, inner=inner)
    found = fit_logistic(
        vectors_LPND.reshape(layers * positions, n, d), labels_N[None], train_FN, classes=classes
    ).predicted[:, :, 0]
    predicted_LPFN = found.reshape(layers, positions, len(train_FN), n)
    by_layer = np.empty((layers, positions, *folds_RN.shape), dtype=np.intp)
    best = np.empty(by_layer.shape[1:], dtype=np.intp)
    for fit, fold in enumerate(held):
        test = folds_RN[fold.repeat] == fold.number
        by_layer[:, :, fold.repeat, test] = predicted_LPFN[:, :, fit, test]
        if inner:
            on_next_LPN = predicted_LPFN[:, :, len(held) + fit, folds_RN[fold.repeat] == fold.following]
            right_LP = (on_next_LPN == labels_N[folds_RN[fold.repeat] == fold.following]).mean(axis=2)
            for position, layer in enumerate(right_LP.argmax(axis=0)):
                best[position, fold.repeat, test] = predicted_LPFN[layer, position, fit, test]
    return Labels(by_layer=by_layer, best=best if inner else by_layer[-1])


def predict_scores(
    vectors_LND: NDArray[np.float32], targets_TN: NDArray[np.float64], folds_RN: NDArray[np.intp]
) -> Scores:
    """Ridge probes. For each fold, penalty and layer are those with the least squared error on the next fold, fitted
    without both.
    """
    train_FN, held = _fits(folds_RN, inner=True)
    made_LFPTN = fit_ridge(vectors_LND, targets_TN, train_FN, penalties=PENALTIES)
    by_layer = np.empty((len(vectors_LND), len(targets_TN), *folds_RN.shape))
    best = np.empty(by_layer.shape[1:])
    for fit, fold in enumerate(held):
        test, following = (folds_RN[fold.repeat] == number for number in (fold.number, fold.following))
        on_next_LPTN = made_LFPTN[:, len(held) + fit][..., following]
        error_LPT = np.square(on_next_LPTN - targets_TN[:, following]).mean(axis=3)
        for target in range(len(targets_TN)):
            of_layer = error_LPT[:, :, target]
            for layer, penalty in enumerate(of_layer.argmin(axis=1)):
                by_layer[layer, target, fold.repeat, test] = made_LFPTN[layer, fit, penalty, target, test]
            best[target, fold.repeat, test] = by_layer[of_layer.min(axis=1).argmin(), target, fold.repeat, test]
    return Scores(by_layer=by_layer, best=best)


@dataclass(frozen=True)
class _Held:
    """A fold that is predicted, and the one after it, on which choices are made."""

    repeat: int
    number: int
    following: int


def _fits(folds_RN: NDArray[np.intp], *, inner: bool) -> tuple[NDArray[np.bool_], Sequence[_Held]]:
    """Training rows (F, N): first without each fold, then, where choices are to be made, without the next as well."""
    n_folds = int(folds_RN.max()) + 1
    held = [_Held(r, fold, (fold + 1) % n_folds) for r in range(len(folds_RN)) for fold in range(n_folds)]
    outer = [folds_RN[fold.repeat] != fold.number for fold in held]
    both = [rows & (folds_RN[fold.repeat] != fold.following) for rows, fold in zip(outer, held, strict=True)]
    return np.stack([*outer, *both] if inner else outer), held
