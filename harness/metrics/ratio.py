"""Ratios of sums: predicted over gold (bits over bytes, distinct n-grams over n-grams, a value an example)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.accuracy import estimate_mean
from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, interval_words, scores_of

if TYPE_CHECKING:
    from harness.stats.contributions import Contributions


def ratio(rows: pd.DataFrame) -> float:
    """Return the sum of predicted over the sum of gold scores; NaN where the gold sum is 0."""
    gold, predicted = scores_of(rows)
    return float(predicted.sum() / gold.sum()) if gold.sum() > 0 else math.nan


def rates(data: Aligned) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each example's ratio (n, k) and its weight (n,), the denominator: their weighted mean is the ratio of sums.

    The denominators of two systems are equal, or they were not asked the same and are not compared.
    """
    trial_total = np.bincount(data.trial, weights=data.gold)[data.trial]
    weight = data.gold / (trial_total * data.n_trials)
    return data.answer_nk / data.gold[:, None], weight


def _split(data: Aligned) -> Contributions:
    from harness.stats.contributions import mean_contributions

    rate_nk, weight = rates(data)
    return mean_contributions(rate_nk, units=data.unit, weights=weight)


def _describe(asked: Asked) -> list[Found]:
    """Each contrast with its interval, and no test."""
    from harness.stats.effects import mean_estimates

    rate_nk, weight = rates(asked.data)
    columns = rate_nk @ asked.weights.T
    found = mean_estimates(columns, units=asked.data.unit, weights=weight)
    return [Found(value=e.value, interval=e.interval, method=interval_words(e.interval)) for e in found]


_SHARE = Metric(name="selectivity", answers="score", of=ratio, estimate=_describe)
# More repetition than the base's is a cost, but less is no gain: random weights repeat less than it, too.
_OF_NGRAMS = replace(_SHARE, better="neither")
_IN_UNITS = replace(_SHARE, scale=1.0, digits=3, least_span=0.01)  # read in the unit that is stored
METRICS = (
    # Of controls and diagnostics, which are described and never tested (outcomes.DIAGNOSTIC_TYPES).
    _SHARE,
    replace(_IN_UNITS, name="cosine", better="neither", unit="cosine"),
    replace(_IN_UNITS, name="cka", better="neither", unit="CKA"),
    replace(_IN_UNITS, name="relative_change", better="neither", unit="of its length"),
    replace(_IN_UNITS, name="effective_rank", better="neither", digits=1, unit="dimensions", least_span=1.0),
    replace(_IN_UNITS, name="entropy", better="neither", unit="of log T"),
    replace(_IN_UNITS, name="degrees", better="neither", digits=1, unit="degrees", least_span=1.0),
    replace(_IN_UNITS, name="log2_rank", better="neither", digits=2, unit="log2 of the rank", least_span=0.1),
    replace(_SHARE, name="share", better="neither", unit="% of tokens"),
    replace(_SHARE, name="kept_words", better="neither", unit="% of words"),
    replace(_IN_UNITS, name="tokens_spent", better="neither", digits=1, unit="tokens", least_span=1.0),
    replace(_IN_UNITS, name="pull", better="neither", unit="cosine"),
    replace(_SHARE, name="excess_share", better="neither", unit="points of share"),
    replace(_IN_UNITS, name="received", better="neither", digits=2, unit="× expected", least_span=0.1),
    replace(_IN_UNITS, name="codelength", better="lower", unit="bits a label"),
    replace(_IN_UNITS, name="bits_per_byte", better="lower", unit="bits a byte", split=_split, estimate=estimate_mean),
    replace(_SHARE, name="masked_accuracy", unit="% of hidden tokens", split=_split, estimate=estimate_mean),
    # What a trained system says otherwise than its base is a change, and no loss by itself.
    replace(_SHARE, name="same_text", better="neither", unit="% of continuations"),
    replace(_SHARE, name="same_tokens", better="neither", unit="% of tokens"),
    replace(_OF_NGRAMS, name="distinct_2", unit="% of 2-grams"),
    replace(_OF_NGRAMS, name="repeated_4", unit="% of 4-grams"),
)
