"""Ridge probes in bulk: one Gram matrix a layer and one Cholesky factor a penalty serve every target.

Of XᵀX, or of XXᵀ where a fit has fewer rows than features. The minimum is scikit-learn's: squared error + penalty ×
|w|², the intercept free; features standardised by each fit's training rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from harness.probes.batches import Scaling, centred, device, grams, scaling
from harness.probes.folds import check_fits, check_rows


def fit_ridge(
    features_GND: Iterable[NDArray[np.floating]],
    targets_TN: NDArray[np.floating],
    train_FN: NDArray[np.bool_],
    *,
    penalties: tuple[float, ...],
) -> NDArray[np.float64]:
    """Predictions (G, F, P, T, N) of every example, trained on or not, for P penalties above 0.

    Raises HarnessError for arrays that disagree in length and a feature that is not finite.
    """
    check_fits(train_FN, targets_TN.shape[1])
    place = device()
    targets_NT = torch.as_tensor(targets_TN.T, dtype=torch.float64, device=place)
    train = torch.as_tensor(train_FN, dtype=torch.float64, device=place)
    mean_FT = train @ targets_NT / train.sum(dim=1, keepdim=True)
    made: list[NDArray[np.float64]] = []
    for features_ND in features_GND:
        check_rows(features_ND, train_FN, targets_TN.shape[1])
        x_ND = centred(torch.as_tensor(features_ND, dtype=torch.float64, device=place))
        scaled = scaling(x_ND, train)
        weight_FPDT = _coefficients(x_ND, targets_NT, mean_FT, train, scaled, penalties)
        # Back to the features as they are: one product with them for all fits, penalties and targets.
        weight_FPDT = weight_FPDT * scaled.scale[:, None, :, None]
        offset_FPT = torch.einsum("fd,fpdt->fpt", scaled.mean, weight_FPDT)
        flat = x_ND @ weight_FPDT.permute(2, 0, 1, 3).flatten(1)
        told_NFPT = flat.unflatten(1, weight_FPDT.shape[:2] + weight_FPDT.shape[3:]) - offset_FPT + mean_FT[:, None]
        made.append(told_NFPT.permute(1, 2, 3, 0).cpu().numpy())
    return np.stack(made)


def _coefficients(
    x_ND: torch.Tensor,
    targets_NT: torch.Tensor,
    mean_FT: torch.Tensor,
    train_FN: torch.Tensor,
    scaled: Scaling,
    penalties: tuple[float, ...],
) -> torch.Tensor:
    """(F, P, D, T), of standardised features: by XXᵀ where no fit has more rows than features, else by XᵀX."""
    made = []
    if int(train_FN.sum(dim=1).max()) <= x_ND.shape[1]:
        for fit, train_N in enumerate(train_FN):
            rows = train_N > 0
            z_nD = (x_ND[rows] - scaled.mean[fit]) * scaled.scale[fit]
            kernel_nn, rest_nT = z_nD @ z_nD.T, targets_NT[rows] - mean_FT[fit]
            made.append(
                torch.stack([z_nD.T @ torch.cholesky_solve(rest_nT, _factor(kernel_nn, each)) for each in penalties])
            )
    else:
        for fit, gram_DD in enumerate(grams(x_ND, train_FN, scaled)):
            rest_NT = (targets_NT - mean_FT[fit]) * train_FN[fit][:, None]
            moment_DT = x_ND.T @ rest_NT * scaled.scale[fit][:, None]  # the rest sums to 0, so the mean falls out
            made.append(torch.stack([torch.cholesky_solve(moment_DT, _factor(gram_DD, each)) for each in penalties]))
    return torch.stack(made)


def _factor(matrix: torch.Tensor, penalty: float) -> torch.Tensor:
    return torch.linalg.cholesky(matrix + penalty * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device))
