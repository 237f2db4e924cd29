"""Fieller's interval, held to the t test that it inverts (scipy's)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from harness.stats.contributions import mean_contributions
from harness.stats.fieller import fieller_ratio


def test_at_the_ends_the_t_test_of_what_is_left_is_at_five_percent() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(1, 1, size=40)
    y = 0.5 * x + rng.normal(2, 1, size=40)
    found = fieller_ratio(mean_contributions(np.stack([x, y], axis=1)), [1, 0], [0, 1])
    assert found.value == pytest.approx(x.mean() / y.mean())
    assert found.interval is not None
    for end in (found.interval.low, found.interval.high):
        assert ttest_1samp(x - end * y, 0).pvalue == pytest.approx(0.05)
    assert ttest_1samp(x - found.value * y, 0).pvalue == pytest.approx(1)
    ends = ttest_1samp(y, 0).confidence_interval()
    assert found.denominator[1] is not None
    assert (found.denominator[1].low, found.denominator[1].high) == pytest.approx((ends.low, ends.high))


def test_a_denominator_that_may_be_0_gives_no_ratio() -> None:
    rng = np.random.default_rng(4)
    table = mean_contributions(np.stack([rng.normal(1, 1, size=40), rng.normal(0, 1, size=40)], axis=1))
    found = fieller_ratio(table, [1, 0], [0, 1])
    assert (found.value, found.interval) == (None, None)
    assert found.numerator[0] > 0.5


def test_the_same_above_and_below_is_1_without_doubt() -> None:
    table = mean_contributions(np.stack([np.arange(1.0, 20.0), np.zeros(19)], axis=1))
    found = fieller_ratio(table, [1, -1], [1, -1])
    assert found.interval is not None
    assert (found.value, found.interval.low, found.interval.high) == pytest.approx((1, 1, 1), abs=1e-6)
