"""Out-of-fold answers of probes at every layer and position, and of the layer that the training folds choose.

Shapes: L layers, P positions, R repeats of the folds, N examples, T targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.probes.logistic import fit_logistic
from harness.probes.ridge import fit_ridge
from harness.suites.words.reading import WordLayers

N_FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


def predict_labels(
    vectors_LPND: WordLayers | NDArray[np.float32],
    labels_N: NDArray[np.intp],
    folds_RN: NDArray[np.intp],
    *,
    classes: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Classes by logistic probes of every layer (L, P, R, N), and of the layer chosen for each fold (P, R, N).

    That is the one whose probe, fitted without the fold and the next, is most accurate on the next: the fold that is
    predicted has no say in it.
    """
    inner = len(vectors_LPND) > 1
    train_FN, held = fits_of(folds_RN, inner=inner)
    features = (of_position_ND for of_layer_PND in vectors_LPND for of_position_ND in of_layer_PND)
    found = fit_logistic(features, labels_N[None], train_FN, classes=classes).predicted[:, :, 0]
    predicted_LPFN = found.reshape(len(vectors_LPND), -1, *train_FN.shape)
    by_layer = np.empty((*predicted_LPFN.shape[:2], *folds_RN.shape), dtype=np.intp)
    best = np.empty(by_layer.shape[1:], dtype=np.intp)
    for fit, (repeat, test, following) in enumerate(held):
        by_layer[:, :, repeat, test] = predicted_LPFN[:, :, fit, test]
        if inner:
            on_next_LPN = predicted_LPFN[:, :, len(held) + fit, following]
            right_LP = (on_next_LPN == labels_N[following]).mean(axis=2)
            for position, layer in enumerate(right_LP.argmax(axis=0)):
                best[position, repeat, test] = predicted_LPFN[layer, position, fit, test]
    return by_layer, best if inner else by_layer[-1]


def predict_scores(
    vectors_LND: WordLayers | NDArray[np.float32], targets_TN: NDArray[np.float64], folds_RN: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores by ridge probes of every layer (L, T, R, N), and of the layer chosen for each fold (T, R, N).

    Penalty and layer are those with the least squared error on the next fold, fitted without both.
    """
    train_FN, held = fits_of(folds_RN, inner=True)
    made_LFPTN = fit_ridge(vectors_LND, targets_TN, train_FN, penalties=PENALTIES)
    by_layer = np.empty((len(vectors_LND), len(targets_TN), *folds_RN.shape))
    best = np.empty(by_layer.shape[1:])
    for fit, (repeat, test, following) in enumerate(held):
        on_next_LPTN = made_LFPTN[:, len(held) + fit][..., following]
        error_LPT = np.square(on_next_LPTN - targets_TN[:, following]).mean(axis=3)
        for target in range(len(targets_TN)):
            of_layer = error_LPT[:, :, target]
            for layer, penalty in enumerate(of_layer.argmin(axis=1)):
                by_layer[layer, target, repeat, test] = made_LFPTN[layer, fit, penalty, target, test]
            best[target, repeat, test] = by_layer[of_layer.min(axis=1).argmin(), target, repeat, test]
    return by_layer, best


def fits_of(
    folds_RN: NDArray[np.intp], *, inner: bool
) -> tuple[NDArray[np.bool_], list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]]]:
    """Training rows (F, N): first without each fold, then, where choices are to be made, without the next as well.

    And for each fold its repeat, its rows, and those of the one after it, on which choices are made.
    """
    n_folds = int(folds_RN.max()) + 1
    held = [
        (repeat, fold_N == fold, fold_N == (fold + 1) % n_folds)
        for repeat, fold_N in enumerate(folds_RN)
        for fold in range(n_folds)
    ]
    outer = [~rows for _, rows, _ in held]
    both = [~(rows | following) for _, rows, following in held]
    return np.stack([*outer, *both] if inner else outer), held
