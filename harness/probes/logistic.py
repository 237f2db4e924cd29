"""Logistic probes in bulk: many layers, positions, folds, seeds and label columns at once.

All label columns of a fit share one Hessian that bounds theirs (Böhning 1992: 1/4 XᵀX for two classes, 1/2 XᵀX for
more), so one Cholesky factor serves them all; Nesterov's acceleration with restarts makes up for the bound's
looseness. Matrix products with the features serve all fits and columns of a layer together. The minimum is
scikit-learn's: sum of losses + |w|² / (2 C), the intercept free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.probes.batches import centred, device, grams, scaling
from harness.probes.folds import check_fits, check_rows
from harness.probes.linear import INVERSE_PENALTY

TOLERANCE = 3e-5  # of the objective: how far above its minimum a fit may stop
_MAX_ITERATIONS = 2000
_CHECK_EVERY = 5
_LOOSENESS = 10.0  # the bound's curvature over the true one, where probes are confident


@dataclass(frozen=True, kw_only=True)
class LogisticGrid:
    """What a grid of fits says of every example, trained on or not.

    `probability` (G, F, T, N, K) float32; `objective` (G, F, T) at the end and `gap` (G, F, T), an estimate of how far
    that is above its minimum, as a share of it.
    """

    probability: NDArray[np.float32]
    objective: NDArray[np.float64]
    gap: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.intp]:
        """Classes (G, F, T, N)."""
        return self.probability.argmax(axis=-1)


def fit_logistic(
    features_GND: Iterable[NDArray[np.floating]],
    labels_TN: NDArray[np.integer],
    train_FN: NDArray[np.bool_],
    *,
    classes: int,
    inverse_penalty: float = INVERSE_PENALTY,
) -> LogisticGrid:
    """Fit every label column (classes 0 … K-1) on the training rows of every fit, for every set of features.

    Features are standardised by each fit's training rows. Raises HarnessError for arrays that disagree, a feature that
    is not finite, and a label column with one class only among a fit's training rows.
    """
    check_fits(train_FN, labels_TN.shape[1])
    _check_labels(labels_TN, train_FN, classes)
    place = device()
    columns = 1 if classes == 2 else classes
    one_hot = np.eye(classes)[labels_TN][:, :, 1:] if classes == 2 else np.eye(classes)[labels_TN]
    answers_NTC = torch.as_tensor(one_hot, dtype=torch.float32, device=place).permute(1, 0, 2).contiguous()
    train = torch.as_tensor(train_FN, dtype=torch.float32, device=place)
    fits = []
    for features_ND in features_GND:
        check_rows(features_ND, train_FN, labels_TN.shape[1])
        x = centred(torch.as_tensor(features_ND, dtype=torch.float32, device=place))
        solver = _Solver(x, answers_NTC, train, penalty=1 / inverse_penalty, columns=columns)
        objective_FT, gap_FT = solver.solve()
        fits.append((solver.probabilities().cpu().numpy(), objective_FT, gap_FT))
    probability, objective, gap = map(np.stack, zip(*fits, strict=True))
    return LogisticGrid(probability=probability, objective=objective, gap=gap)


class _Solver:
    """All fits and label columns of one set of features. Coefficients are (F, D, T × C), intercepts (F, 1, T × C)."""

    def __init__(
        self, x_ND: torch.Tensor, answers_NTC: torch.Tensor, train_FN: torch.Tensor, *, penalty: float, columns: int
    ) -> None:
        self._x, self._train, self._penalty, self._columns = x_ND, train_FN, penalty, columns
        self._fits, self._tasks = len(train_FN), answers_NTC.shape[1]
        self._answers = answers_NTC.reshape(1, len(x_ND), -1)
        self._scaled = scaling(x_ND, train_FN)
        self._count = train_FN.sum(dim=1)
        self._bound = 0.25 if columns == 1 else 0.5
        eye = torch.eye(x_ND.shape[1], dtype=x_ND.dtype, device=x_ND.device) * penalty
        self._factor = torch.stack(
            [torch.linalg.cholesky(self._bound * gram_DD + eye) for gram_DD in grams(x_ND, train_FN, self._scaled)]
        )
        shape = (self._fits, x_ND.shape[1], self._tasks * columns)
        self.weight = torch.zeros(shape, dtype=x_ND.dtype, device=x_ND.device)
        self.intercept = torch.zeros((shape[0], 1, shape[2]), dtype=x_ND.dtype, device=x_ND.device)

    def solve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Iterate until every fit is within TOLERANCE of its minimum; objective and gap, (F, T) each."""
        at_w, at_b = self.weight, self.intercept
        momentum = torch.ones((self._fits, 1, self._tasks), dtype=at_w.dtype, device=at_w.device)
        for iteration in range(_MAX_ITERATIONS):
            logits = self._logits(at_w, at_b)
            grad_w, grad_b = self._gradient(logits, at_w)
            if iteration % _CHECK_EVERY == 0:
                objective = self._objective(logits, at_w)
                gap = self._gap(grad_w, grad_b) / objective
                if bool((gap < TOLERANCE).all()):
                    break
            step_w = torch.cholesky_solve(grad_w, self._factor)
            step_b = grad_b / (self._bound * self._count[:, None, None])
            new_w, new_b = at_w - step_w, at_b - step_b
            # Restart a column's momentum where it points uphill (O'Donoghue and Candès 2015, gradient scheme).
            moved_w, moved_b = new_w - self.weight, new_b - self.intercept
            uphill = self._by_task((grad_w * moved_w).sum(dim=1, keepdim=True) + grad_b * moved_b) > 0
            after = torch.where(uphill, 1.0, (1 + (1 + 4 * momentum.square()).sqrt()) / 2)
            factor = torch.where(uphill, 0.0, (momentum - 1) / after).repeat_interleave(self._columns, dim=2)
            self.weight, self.intercept, momentum = new_w, new_b, after
            at_w, at_b = new_w + factor * moved_w, new_b + factor * moved_b
        self.weight, self.intercept = at_w, at_b
        return objective.double().cpu().numpy(), gap.double().cpu().numpy()

    def probabilities(self) -> torch.Tensor:
        """(F, T, N, K) of every example."""
        logits_FTNC = self._logits(self.weight, self.intercept).unflatten(2, (self._tasks, self._columns)).movedim(2, 1)
        if self._columns == 1:
            first = torch.sigmoid(logits_FTNC)
            return torch.cat([1 - first, first], dim=-1).float()
        return logits_FTNC.softmax(dim=-1).float()

    def _logits(self, weight: torch.Tensor, intercept: torch.Tensor) -> torch.Tensor:
        """(F, N, T × C), from the features as they are."""
        scaled = weight * self._scaled.scale[:, :, None]
        offset = intercept - self._scaled.mean[:, None, :] @ scaled
        flat = self._x @ scaled.movedim(1, 0).flatten(1)
        return flat.unflatten(1, (self._fits, -1)).movedim(1, 0) + offset

    def _gradient(self, logits: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rest = (self._link(logits) - self._answers) * self._train[:, :, None]
        total = rest.sum(dim=1, keepdim=True)
        flat = self._x.T @ rest.movedim(1, 0).flatten(1)
        product = flat.unflatten(1, (self._fits, -1)).movedim(1, 0) - self._scaled.mean[:, :, None] * total
        return product * self._scaled.scale[:, :, None] + self._penalty * weight, total

    def _link(self, logits: torch.Tensor) -> torch.Tensor:
        if self._columns == 1:
            return torch.sigmoid(logits)
        return logits.unflatten(2, (self._tasks, self._columns)).softmax(dim=-1).flatten(2)

    def _objective(self, logits: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """(F, T)."""
        if self._columns == 1:
            loss = torch.nn.functional.softplus(logits) - logits * self._answers
        else:
            split = logits.unflatten(2, (self._tasks, self._columns))
            answers = self._answers.unflatten(2, (self._tasks, self._columns))
            loss = split.logsumexp(dim=-1) - (split * answers).sum(dim=-1)
        of_loss = (loss * self._train[:, :, None]).sum(dim=1)
        return of_loss + self._by_task(self._penalty / 2 * weight.square().sum(dim=1, keepdim=True))[:, 0]

    def _gap(self, grad_w: torch.Tensor, grad_b: torch.Tensor) -> torch.Tensor:
        """(F, T): twice what a step of the bound is sure to gain, times how loose the bound may be at the minimum."""
        sure = (grad_w * torch.cholesky_solve(grad_w, self._factor)).sum(dim=1, keepdim=True)
        sure = sure + grad_b.square() / (self._bound * self._count[:, None, None])
        return self._by_task(sure)[:, 0] * _LOOSENESS

    def _by_task(self, per_column: torch.Tensor) -> torch.Tensor:
        return per_column.unflatten(2, (self._tasks, self._columns)).sum(dim=-1)


def _check_labels(labels_TN: NDArray[np.integer], train_FN: NDArray[np.bool_], classes: int) -> None:
    for labels in labels_TN:
        for train in train_FN:
            if len(np.unique(labels[train])) < 2:
                raise HarnessError("a probe's training examples have one label only; give labels that vary")
    if labels_TN.min() < 0 or labels_TN.max() >= classes:
        raise HarnessError(f"a probe for {classes} classes got the class {labels_TN.max()}; number classes from 0")
