"""V-measure of a clustering, mean over draws. The draws share documents, so they are no sample to test with."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric, interval_words

_ROUNDING = 1e-9


def _of(rows: pd.DataFrame) -> float:
    from sklearn.metrics import v_measure_score

    gold, said = (pd.factorize(rows[name], sort=True)[0] for name in ("gold_label", "predicted_label"))
    return float(v_measure_score(gold, said))  # numbers are checked quicker than words


def _draws(data: Aligned) -> NDArray[np.float64]:
    """Return the V-measure of each column in each draw (draws, k)."""
    from sklearn.metrics import v_measure_score

    return np.array(
        [
            [v_measure_score(data.gold[rows], data.answer_nk[rows, k]) for k in range(data.answer_nk.shape[1])]
            for rows in (data.trial == t for t in range(data.n_trials))
        ]
    )


def _estimate(asked: Asked) -> list[Found]:
    """Describe each contrast by its mean and its range over draws."""
    from harness.stats.estimate import draw_spread

    draws = _draws(asked.data)
    spreads = [draw_spread(draws @ weight) for weight in asked.weights]
    text = f"descriptive: range over {asked.data.n_trials} overlapping draws, no test"
    return [Found(value=spread.value, spread=spread, method=text) for spread in spreads]


def _change(data: Aligned) -> Found:
    """The difference of V-measures, with the standard deviation over draws as its standard error.

    A draw of the suite takes as many documents as there are, with replacement: it is a bootstrap sample, and the
    spread of a statistic over bootstrap samples is its standard error. The clustering's own chance is in it once a
    draw, where the mean over draws has it only 1/draws: the error is too large rather than too small, and Student's
    t with draws - 1 degrees of freedom allows for its being estimated from few.
    """
    from scipy import stats

    from harness.stats.estimate import Estimate, Interval

    draws = _draws(data)
    difference = draws[:, 0] - draws[:, 1]
    value, count = float(difference.mean()), len(difference)
    se = float(difference.std(ddof=1)) if count > 1 else 0.0
    if se <= _ROUNDING:
        return Found(value=value)
    half = float(stats.t.ppf(0.975, count - 1)) * se
    interval = Interval(low=value - half, high=value + half, method="spread over draws, Student's t")
    estimate = Estimate(
        value=value, se=se, df=count - 1, interval=interval, p=None, n_examples=data.n_examples,
        n_units=data.n_units, n_draws=count,
    )  # fmt: skip
    return Found(value=value, interval=interval, method=interval_words(interval), estimate=estimate)


METRICS = (
    Metric(name="v_measure", answers="cluster", of=_of, estimate=_estimate, change=_change, adjective="clustering"),
)
