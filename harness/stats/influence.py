"""How much each example pulls a correlation: the influence functions of Spearman's and Pearson's coefficients.

Croux and Dehon 2010, Statistical Methods and Applications 19, 497-515, sections 2 and 3, here in the sample
and with ties: ranks are mid-ranks, and the derivative runs through them too.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from harness.errors import HarnessError
from harness.stats.units import FloatArray

Kind = Literal["spearman", "pearson"]


def influence(gold: FloatArray, predicted_nk: FloatArray, *, kind: Kind) -> tuple[FloatArray, FloatArray]:
    """Return the correlation of `gold` (n,) with each column (k,), and each example's influence on it (n, k).

    Influences sum to 0; the coefficient's variance is their sum of squares / n^2. Raises HarnessError for a
    constant column.
    """
    own = _Ranked(gold) if kind == "spearman" else _Moments(gold)
    values = np.empty(predicted_nk.shape[1])
    pulls = np.empty(predicted_nk.shape)
    for k, column in enumerate(predicted_nk.T):
        other = _Ranked(column) if kind == "spearman" else _Moments(column)
        if own.square <= 0 or other.square <= 0:
            raise HarnessError(f"{kind} is not defined: the gold scores or the predicted ones are constant")
        cross = float(np.mean(own.score * other.score))
        scale = np.sqrt(own.square * other.square)
        values[k] = cross / scale
        # d(C / sqrt(A B)) = dC / sqrt(A B) - value (dA / 2A + dB / 2B)
        joint = own.score * other.score + own.pull_on(other.score) + other.pull_on(own.score)
        pull = joint / scale - 0.5 * values[k] * (own.own_pull / own.square + other.own_pull / other.square)
        pulls[:, k] = pull - pull.mean()
    return values, pulls


class _Ranked:
    """A variable as centred mid-ranks, on the scale of its distribution function."""

    def __init__(self, values: FloatArray) -> None:
        self._n = len(values)
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._left = np.searchsorted(ordered, values, "left")
        self._right = np.searchsorted(ordered, values, "right")
        self.score: FloatArray = (self._left + self._right) / (2 * self._n) - 0.5
        self.square = float(np.mean(self.score**2))
        self.own_pull = self.score**2 + 2 * self.pull_on(self.score)

    def pull_on(self, weight: FloatArray) -> FloatArray:
        """How more of example i moves mean(weight × rank): mean_j of weight_j where j is above i, ties half."""
        below = np.concatenate([[0.0], np.cumsum(weight[self._order])])
        above_or_half: FloatArray = below[-1] - 0.5 * (below[self._left] + below[self._right])
        return above_or_half / self._n


class _Moments:
    """A variable, centred: the mean's own derivative drops out of centred products."""

    def __init__(self, values: FloatArray) -> None:
        self.score: FloatArray = values - values.mean()
        square = float(np.mean(self.score**2))
        self.square = square if np.ptp(values) > 1e-12 * max(1e-300, float(np.abs(values).max())) else 0.0
        self.own_pull = self.score**2

    def pull_on(self, weight: FloatArray) -> FloatArray:
        return np.zeros_like(weight)
