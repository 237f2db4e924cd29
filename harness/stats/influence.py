"""How much each example pulls a score that is no mean: the influence functions of Spearman's and Pearson's coefficients
and of average precision.

Croux and Dehon 2010, Statistical Methods and Applications 19, 497-515, sections 2 and 3, here in the sample
and with ties: ranks are mid-ranks, and the derivative runs through them too. Average precision is differentiated in
the weights of the examples; examples with one predicted score enter at once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from harness.errors import HarnessError
from harness.stats.units import FloatArray

IntArray = NDArray[np.integer]
Correlation = Literal["spearman", "pearson"]
Smooth = Literal["spearman", "pearson", "average_precision"]


def influence(gold: FloatArray, predicted_nk: FloatArray, *, kind: Smooth) -> tuple[FloatArray, FloatArray]:
    """Return the score of each column against `gold` (n,) as (k,), and each example's influence on it (n, k).

    Influences sum to 0; the score's variance is their sum of squares / n^2. Raises HarnessError for a
    constant column, or average precision of a gold standard that is not 0 and 1.
    """
    if kind == "average_precision":
        found = [_average_precision(gold, column) for column in predicted_nk.T]
        return np.array([value for value, _ in found]), np.stack([pull for _, pull in found], axis=1)
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


def weighted_f1_parts(gold_n: IntArray, said_nk: IntArray) -> FloatArray:
    """What each example adds to the weighted F1 of each column (n, k), to first order: their mean is the score.

    F1 of class c is 2 T / (G + S): T examples of c are told to be of c, G are of c, and S are told to be. Weighted by G
    it is the mean over examples of the F1 of their class. An example that is told to be of c makes S larger.
    """
    size = int(max(gold_n.max(), said_nk.max())) + 1
    of_class = np.bincount(gold_n, minlength=size).astype(np.float64)
    parts = np.empty(said_nk.shape)
    for k, said_n in enumerate(said_nk.T):
        right = gold_n == said_n
        either = of_class + np.bincount(said_n, minlength=size)
        f1 = 2 * np.bincount(gold_n[right], minlength=size) / np.maximum(either, 1)
        share = of_class / np.maximum(either, 1)  # how much a change of 2 T or of G + S counts
        parts[:, k] = f1[gold_n] + share[gold_n] * (2 * right - f1[gold_n]) - share[said_n] * f1[said_n]
    return parts


def mid_rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Return Spearman's correlation, Pearson's of mid-ranks; NaN if a side is constant."""
    a, b = (rankdata(x) for x in (first, second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _average_precision(gold: FloatArray, predicted: FloatArray) -> tuple[float, FloatArray]:
    """Average precision and each example's influence on it: sum over groups g of p_g / P × T_g / N_g.

    Best score first, p_g are the relevant examples of a tie group, T_g and N_g the relevant and all examples down to
    it, P all relevant ones. An example adds to N_g of its group and of later ones, a relevant one to T_g and P too.
    """
    if set(np.unique(gold)) != {0.0, 1.0}:
        raise HarnessError("average precision needs gold scores of 0 and 1, and both of them")
    _, group = np.unique(-predicted, return_inverse=True)
    relevant, everything = np.bincount(group, weights=gold), np.bincount(group).astype(np.float64)
    found, seen = np.cumsum(relevant), np.cumsum(everything)
    share, precision = relevant / found[-1], found / seen
    value = float(share @ precision)
    gain, loss = (np.cumsum((share * each)[::-1])[::-1] for each in (1 / seen, found / seen**2))
    pull = -loss[group] + gold * ((precision[group] - value) / found[-1] + gain[group])
    pull *= len(gold)
    return value, pull - pull.mean()


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
