"""What the batched probes share: where they compute, and features standardised by the rows each of them is fitted on.

Shapes: G sets of features (layers × positions), N examples, D features, F fits (folds, seeds), T label columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

CONSTANT = 1e-6  # of the largest deviation: a feature that moves less carries the order of a sum, no information


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Mean and scale of every feature over the training rows of each fit, (F, D); `scale` is 0 for a constant one.

    Standardised features are (x - mean) × scale. They are never made for all fits at once: products with them are
    products with the features, put right afterwards.
    """

    mean: torch.Tensor
    scale: torch.Tensor


def scaling(features_ND: torch.Tensor, train_FN: torch.Tensor) -> Scaling:
    """The scaling of each fit from its training rows (0/1 in `train_FN`)."""
    count_F1 = train_FN.sum(dim=1, keepdim=True)
    mean_FD = train_FN @ features_ND / count_F1
    square_FD = train_FN @ features_ND.square() / count_F1 - mean_FD.square()
    deviation_FD = square_FD.clamp_min(0).sqrt()
    size = deviation_FD.max().clamp_min(torch.finfo(features_ND.dtype).tiny)
    usable = deviation_FD > CONSTANT * size
    return Scaling(
        mean=mean_FD, scale=torch.where(usable, 1 / deviation_FD.clamp_min(1e-30), torch.zeros_like(mean_FD))
    )


def centred(features_ND: torch.Tensor) -> torch.Tensor:
    """Features with mean 0 and deviation 1 over all rows, so that sums over parts of them lose no digits.

    A change of units only: each fit standardises again by its own training rows.
    """
    moved = features_ND - features_ND.mean(dim=0)
    deviation = moved.square().mean(dim=0).sqrt()
    usable = deviation > 1e-7 * features_ND.abs().max().clamp_min(1e-30)
    return torch.where(usable, moved / deviation.clamp_min(1e-30), torch.zeros_like(moved))


def grams(features_ND: torch.Tensor, train_FN: torch.Tensor, scaled: Scaling) -> Iterator[torch.Tensor]:
    """(D, D) for each fit: its standardised features times themselves, over its training rows.

    Rows that are in the same fits are multiplied once.
    """
    patterns_PF, pattern_N = torch.unique(train_FN.T, dim=0, return_inverse=True)
    parts = [features_ND[pattern_N == p].T @ features_ND[pattern_N == p] for p in range(len(patterns_PF))]
    for fit, (mean_D, scale_D) in enumerate(zip(scaled.mean, scaled.scale, strict=True)):
        members = [part for part, pattern_F in zip(parts, patterns_PF, strict=True) if pattern_F[fit] > 0]
        total = torch.stack(members).sum(dim=0) - train_FN[fit].sum() * torch.outer(mean_D, mean_D)
        yield total * torch.outer(scale_D, scale_D)
