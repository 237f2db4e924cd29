"""Scores of several systems on one task, split into what each unit of examples adds to them.

A mean is a sum over units as it stands. A rank correlation or an average precision is one to first order: by its
influence function (Hampel 1974, JASA 69, 383-393), which is how far the value moves with the weight of an example.
Every test that needs a sum over examples (sign flips, seeds crossed with examples, families) reads this table and need
not know the metric.

Shapes: n examples, u units, k columns (system × seed), d draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from harness.errors import HarnessError
from harness.stats.influence import Smooth, influence
from harness.stats.units import FloatArray, finite, partition


@dataclass(frozen=True, kw_only=True)
class Contributions:
    """`value_kd` (k, draws) are the scores; `part_ukd` (units, k, draws) sums to them over units.

    `share_ud` (units, draws) is the weight of each unit, summing to 1: under the null hypothesis that a score
    is 0 a part is centred on 0, and `centred` is centred on the data's own score. `example_kk` (k, k) is the
    covariance of one example's contributions to two scores, however examples are grouped. `skewed`: units may be
    skewed, as rare errors are. `smooth`: a score is a sum over units to first order only. `apart_k` (k,) counts the
    examples that are not in a column's largest group of ties, where the score is one of ranks.
    """

    value_kd: FloatArray
    part_ukd: FloatArray
    share_ud: FloatArray
    n_examples: int
    example_kk: FloatArray
    apart_k: FloatArray
    skewed: bool = True
    smooth: bool = False

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return self.part_ukd.shape[0]

    @property
    def n_draws(self) -> int:
        """How many draws each unit was part of."""
        return self.part_ukd.shape[2]

    @property
    def centred(self) -> FloatArray:
        """Parts less their expectation at the data's own score (units, k, draws): each column sums to 0."""
        return self.part_ukd - self.share_ud[:, None, :] * self.value_kd


def mean_contributions(
    values_nk: ArrayLike,
    *,
    units: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    draws: ArrayLike | None = None,
) -> Contributions:
    """Split the weighted mean of each column of `values_nk` (n, k) over units.

    `draws` (n,) names the draw of each row where the draw of training examples is a factor: each draw counts
    the same, and each unit has to be in every draw (`fully_crossed`); folds, in which an example appears once, are
    none. Raises HarnessError for no example, unequal lengths, a value that is not finite.
    """
    values = finite(values_nk, what="values")
    if values.ndim != 2 or not values.shape[0]:
        raise HarnessError("a mean needs at least one example")
    n, k = values.shape
    parts = partition(n, units)
    weight = _weights(n, weights)
    draw = partition(n, np.zeros(n) if draws is None else draws)
    part = np.zeros((parts.count, k, draw.count))
    share = np.zeros((parts.count, draw.count))
    example = np.zeros((k, k))
    for d in range(draw.count):
        rows = draw.code == d
        here = weight[rows] / weight[rows].sum()
        rest = values[rows] - here @ values[rows]
        example += (rest * here[:, None]).T @ rest / draw.count
        of_unit = parts.code[rows]
        share[:, d] = np.bincount(of_unit, weights=here, minlength=parts.count)
        for j in range(k):
            part[:, j, d] = np.bincount(of_unit, weights=here * values[rows, j], minlength=parts.count)
    if draw.count > 1 and (share <= 0).any():
        raise HarnessError("some examples are missing from a draw; treat the trials as folds, without `draws`")
    return Contributions(
        value_kd=part.sum(axis=0), part_ukd=part, share_ud=share, n_examples=n // draw.count, example_kk=example,
        apart_k=np.full(k, np.inf),
    )  # fmt: skip


def correlation_contributions(
    gold: ArrayLike,
    predicted_nk: ArrayLike,
    *,
    kind: Smooth,
    units: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
) -> Contributions:
    """Split the correlation of `gold` (n,) with each column of `predicted_nk` (n, k) over units, to first order.

    So too the average precision of each column, `gold` being 0 and 1.

    `blocks` (n,) splits the rows into folds: the score is the mean over folds. Raises HarnessError for a
    constant column, a value that is not finite, unequal lengths.
    """
    truth = finite(gold, what="gold scores")
    predicted = finite(predicted_nk, what="predicted scores")
    if predicted.ndim != 2 or predicted.shape[0] != len(truth):
        raise HarnessError(f"{len(truth)} gold scores need as many predicted ones, got {predicted.shape[0]}")
    n, k = predicted.shape
    parts = partition(n, units)
    fold = partition(n, np.zeros(n) if blocks is None else blocks)
    per_row = np.zeros((n, k))
    share_n, example, apart = np.zeros(n), np.zeros((k, k)), np.zeros(k)
    for f in range(fold.count):
        rows = fold.code == f
        size = int(rows.sum())
        share_n[rows] = 1 / (size * fold.count)
        value_k, influence_nk = influence(truth[rows], predicted[rows], kind=kind)
        per_row[rows] = (influence_nk + value_k) / (size * fold.count)
        example += influence_nk.T @ influence_nk / (size * fold.count)
        apart += [min(_apart(truth[rows]), _apart(column)) for column in predicted[rows].T]
    part = parts.total(per_row)[:, :, None]
    return Contributions(
        value_kd=part.sum(axis=0), part_ukd=part, share_ud=parts.total(share_n)[:, None], n_examples=n,
        example_kk=example, apart_k=apart if kind == "spearman" else np.full(k, np.inf), skewed=False, smooth=True,
    )  # fmt: skip


def task_contributions(values_tk: ArrayLike, *, units: ArrayLike | None = None) -> Contributions:
    """Split the mean over tasks of `values_tk` (tasks, k): a task is the unit where tasks are the random effect.

    Tasks that share data are one unit: `units` (tasks,) as in `partition`.
    """
    return replace(mean_contributions(values_tk, units=units), skewed=False)


def fully_crossed(units: ArrayLike | None, draws: ArrayLike) -> bool:
    """Whether every unit appears in every draw, and there are at least two: then the draw is a factor."""
    draw = np.asarray(draws)
    parts = partition(len(draw), np.arange(len(draw)) if units is None else units)
    trial = partition(len(draw), draw)
    return trial.count > 1 and len(np.unique(parts.code * trial.count + trial.code)) == parts.count * trial.count


def _apart(values: FloatArray) -> int:
    """Count the values that are not in the largest group of ties."""
    return len(values) - int(np.unique(values, return_counts=True)[1].max())


def _weights(n: int, weights: ArrayLike | None) -> FloatArray:
    if weights is None:
        return np.full(n, 1 / n)
    weight = finite(weights, what="weights")
    if weight.shape != (n,):
        raise HarnessError(f"{n} examples need {n} weights, got {weight.size}")
    if (weight <= 0).any():
        raise HarnessError("weights have to be positive")
    return weight
