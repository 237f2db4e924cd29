"""Logistic probes in bulk: many folds, seeds and label columns of one set of features at once.

Conjugate gradients with a line search, each fit and column for itself. All fits share the inverse of one Hessian as the
metric: first one for all columns, where they start; then, once as much time is spent as another takes to make, the mean
of the fits' own where they stand, one a column. Products with the features serve all fits and columns together. Every
fit starts at the shares of its classes, and not at the solution of another, so that it is told nothing of rows that it
is not trained on. The minimum is scikit-learn's: sum of losses + |w|² / (2 C), the intercept free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.probes.batches import centred, device, scaling
from harness.probes.folds import check_fits, check_rows
from harness.probes.linear import INVERSE_PENALTY

# How far above its minimum a fit may stop: as a share of the objective or of what the features take off it, whichever
# is less, for where they say little, little decides what is predicted.
TOLERANCE = 1e-5
_ROUNDING = 1e-7  # of the objective: what float32 cannot tell
_MAX_ITERATIONS = 500
_MAX_SEARCHES = 10  # points of a line that are looked at
_FLAT = 0.1  # of the slope at its beginning: where a line's search ends
_LEAST_ITERATIONS = 10  # in one metric: directions are forgotten with it
_LEAST_WIDTH = 10  # columns that a product takes the time of, however few it has
_BLOCKS = 4  # of a Hessian's columns; above the diagonal nothing is computed
_MOST_TURN = 1e3  # share of the last direction that a new one keeps, where both are of rounding
_RARE = 1e-3  # share of a class that is not among the training rows
_TINY = 1e-30


@dataclass(frozen=True, kw_only=True)
class LogisticGrid:
    """What a grid of fits says of every example, trained on or not.

    `probability` (G, F, T, N, K) float32; `objective` (G, F, T) at the end and `gap` (G, F, T), a bound of how far that
    is above its minimum, as a share of it.
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
    """All fits and label columns of one set of features.

    Shapes: J = T × C columns of logits; coefficients (F, J, D + 1) are of standardised features, the intercept last.
    """

    def __init__(
        self, x_ND: torch.Tensor, answers_NTC: torch.Tensor, train_FN: torch.Tensor, *, penalty: float, columns: int
    ) -> None:
        n, d = x_ND.shape
        self._x = torch.cat([x_ND, x_ND.new_ones((n, 1))], dim=1)
        self._train, self._columns = train_FN[:, None], columns
        self._answers = answers_NTC.reshape(n, -1).T.contiguous()
        scaled, one_F1 = scaling(x_ND, train_FN), x_ND.new_ones((len(train_FN), 1))
        self._scale = torch.cat([scaled.scale, one_F1], dim=1)[:, None]
        self._mean = torch.cat([scaled.mean, 0 * one_F1], dim=1)[:, None]
        self._penalty = torch.cat([x_ND.new_full((d,), penalty), x_ND.new_zeros(1)])
        # The best that can be said without any feature, and the answer where features say nothing.
        share_FJ = train_FN @ self._answers.T / train_FN.sum(dim=1, keepdim=True)
        start_FJ = share_FJ.logit() if columns == 1 else share_FJ.clamp_min(_RARE).log()
        self._weight = x_ND.new_zeros((*start_FJ.shape, d + 1))
        self._weight[..., -1] = start_FJ
        self._logits = start_FJ[..., None].repeat(1, 1, n)

    def solve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Iterate until every fit is within TOLERANCE of its minimum; objective and gap, (F, T) each."""
        chance = self._link(self._logits)
        metric = self._metric(chance.mean(dim=1, keepdim=True))
        without = self._objective()
        last = step = torch.zeros_like(self._weight)
        before, since, due = torch.ones_like(self._by_task(last)), 0, self._iterations_for_a_metric()
        for _ in range(_MAX_ITERATIONS):
            gradient = self._gradient(chance)
            objective, gap = self._objective(), self._gap(gradient, chance)
            enough = TOLERANCE * torch.minimum(objective, without - objective)
            if bool((gap < torch.maximum(enough, _ROUNDING * objective)).all()):
                break
            if since == due:
                metric, step, since, due = self._metric(chance), torch.zeros_like(step), 0, 2 * due
            since += 1
            steepest = (gradient.transpose(0, 1) @ metric).transpose(0, 1) * (self._scale > 0)
            if self._columns > 1:  # what all classes have in common changes nothing, and the metric does not know it
                split = self._by_column(steepest)
                steepest = (split - split.mean(dim=2, keepdim=True)).flatten(1, 2)
            along = self._by_task(gradient * steepest)
            turn = (along - self._by_task(last * steepest)) / before  # Polak and Ribière's
            step = self._spread(turn.clamp(0, _MOST_TURN)) * step - steepest
            slope = self._by_task(gradient * step)
            lost = slope > -0.1 * along  # not downhill enough: the steepest way
            step, slope = torch.where(self._spread(lost), -steepest, step), torch.where(lost, -along, slope)
            last, before = gradient, along.clamp_min(_TINY)
            chance = self._go(step, slope, chance)
        return objective.double().cpu().numpy(), (gap / objective).double().cpu().numpy()

    def probabilities(self) -> torch.Tensor:
        """(F, T, N, K) of every example."""
        logits_FTCN = self._times(self._weight).unflatten(1, (-1, self._columns))
        if self._columns == 1:
            first_FTN1 = torch.sigmoid(logits_FTCN.movedim(2, 3))
            return torch.cat([1 - first_FTN1, first_FTN1], dim=-1)
        return logits_FTCN.softmax(dim=2).movedim(2, 3)

    def _iterations_for_a_metric(self) -> int:
        """How many take as long as it takes to make one."""
        fits, columns, size = self._weight.shape
        return max(_LEAST_ITERATIONS, columns * size // (2 * (fits * columns + _LEAST_WIDTH)))

    def _metric(self, chance_FJN: torch.Tensor) -> torch.Tensor:
        """(J, D + 1, D + 1): the inverse of the Hessian's block of each column, mean of the fits."""
        made = []
        for weight_N in (chance_FJN * (1 - chance_FJN) * self._train).mean(dim=0):
            weighted_ND, hessian_DD = self._x * weight_N[:, None], self._x.new_zeros((len(self._penalty),) * 2)
            for part in torch.arange(len(self._penalty)).tensor_split(_BLOCKS):
                if len(part):
                    first, end = int(part[0]), int(part[-1]) + 1
                    hessian_DD[first:, first:end] = weighted_ND[:, first:].T @ self._x[:, first:end]
            # Above the rounding of its sums, or it may have no Cholesky factor.
            least = torch.finfo(hessian_DD.dtype).eps * hessian_DD.trace()
            hessian_DD.diagonal().add_(self._penalty + least)
            made.append(torch.cholesky_inverse(torch.linalg.cholesky(hessian_DD)))
        return torch.stack(made)

    def _go(self, step: torch.Tensor, slope: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
        """Move each fit along `step`, (F, J, D + 1), to where the objective is nearly flat; the new chances.

        Newton's method for the place on the line, between the places that are known to lie before and behind.
        """
        rise = self._times(step)
        of_weights = self._by_task(self._penalty * self._weight * step)
        stiff = self._by_task(self._penalty * step.square())
        low, high = torch.zeros_like(slope), torch.full_like(slope, torch.inf)
        place = -slope / (self._curvature(chance, rise) + stiff).clamp_min(_TINY)
        for left in reversed(range(_MAX_SEARCHES)):
            logits = self._logits + self._spread(place) * rise
            chance = self._link(logits)
            here = self._by_task((chance - self._answers) * self._train * rise) + of_weights + place * stiff
            flat = here.abs() <= _FLAT * slope.abs()
            if not left or bool(flat.all()):
                break
            low, high = torch.where(here < 0, place, low), torch.where(here > 0, place, high)
            tried = place - here / (self._curvature(chance, rise) + stiff).clamp_min(_TINY)
            halved = torch.where(high.isinf(), 4 * place, (low + high) / 2)
            tried = torch.where((tried > low) & (tried < high) & (tried < 4 * place), tried, halved)
            place = torch.where(flat, place, tried if left > 1 else low)  # at last, where it is downhill for certain
        self._logits, self._weight = logits, self._weight + self._spread(place) * step
        return chance

    def _curvature(self, chance: torch.Tensor, rise: torch.Tensor) -> torch.Tensor:
        """(F, T): of the losses along a line on which the logits rise by `rise`."""
        if self._columns == 1:
            return self._by_task(chance * (1 - chance) * self._train * rise.square())
        first = self._by_column(chance * rise).sum(dim=2)
        return ((self._by_column(chance * rise.square()).sum(dim=2) - first.square()) * self._train).sum(dim=-1)

    def _times(self, weight: torch.Tensor) -> torch.Tensor:
        """(F, J, N), from the features as they are."""
        scaled = weight * self._scale
        product = (scaled.flatten(0, 1) @ self._x.T).unflatten(0, scaled.shape[:2])
        return product - (self._mean * scaled).sum(dim=-1, keepdim=True)

    def _gradient(self, chance: torch.Tensor) -> torch.Tensor:
        rest = (chance - self._answers) * self._train
        product = (rest.flatten(0, 1) @ self._x).unflatten(0, rest.shape[:2])
        return (product - self._mean * rest.sum(dim=-1, keepdim=True)) * self._scale + self._penalty * self._weight

    def _link(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid() if self._columns == 1 else self._by_column(logits).softmax(dim=2).flatten(1, 2)

    def _objective(self) -> torch.Tensor:
        """(F, T)."""
        if self._columns == 1:
            loss = torch.nn.functional.softplus((1 - 2 * self._answers) * self._logits)
        else:
            right = self._by_column(self._logits * self._answers).sum(dim=2)
            loss = self._by_column(self._logits).logsumexp(dim=2) - right
        return (loss * self._train).sum(dim=-1) + self._by_task(self._penalty / 2 * self._weight.square())

    def _gap(self, gradient: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
        """(F, T): how far the minimum is below at most.

        That is |gradient|² / (2 penalty), for the penalty bends the objective so much in every direction. The intercept
        has none; there the curvature of the losses counts.
        """
        room = (chance * (1 - chance) * self._train).sum(dim=-1).clamp_min(_TINY)
        of_column = gradient[..., :-1].square().sum(dim=-1) / self._penalty[0] + gradient[..., -1].square() / room
        return self._by_column(of_column).sum(dim=2) / 2

    def _by_column(self, values: torch.Tensor) -> torch.Tensor:
        """(F, J, …) as (F, T, C, …)."""
        return values.unflatten(1, (-1, self._columns))

    def _by_task(self, values: torch.Tensor) -> torch.Tensor:
        """(F, J, …) summed over all but fits and tasks: (F, T)."""
        return self._by_column(values.sum(dim=-1)).sum(dim=2)

    def _spread(self, values: torch.Tensor) -> torch.Tensor:
        """(F, T) as (F, J, 1)."""
        return values.repeat_interleave(self._columns, dim=1)[..., None]


def _check_labels(labels_TN: NDArray[np.integer], train_FN: NDArray[np.bool_], classes: int) -> None:
    for labels in labels_TN:
        for train in train_FN:
            if len(np.unique(labels[train])) < 2:
                raise HarnessError("a probe's training examples have one label only; give labels that vary")
    if labels_TN.min() < 0 or labels_TN.max() >= classes:
        raise HarnessError(f"a probe for {classes} classes got the class {labels_TN.max()}; number classes from 0")
