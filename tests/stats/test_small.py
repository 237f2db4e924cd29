"""Holm, power, draws and units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from harness.errors import HarnessError
from harness.stats.estimate import Estimate, draw_spread
from harness.stats.families import holm
from harness.stats.power import minimum_detectable_effect
from harness.stats.units import bootstrap_counts, partition


def test_holm_is_statsmodels() -> None:
    p = list(np.random.default_rng(0).uniform(0, 0.2, 12))
    assert holm(p) == pytest.approx(list(multipletests(p, method="holm")[1]), abs=1e-12)


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert holm([None, 0.02, None, 0.04]) == [None, 0.04, None, 0.04]
    assert holm([]) == []


def test_detectable_effect_has_its_power() -> None:
    """statsmodels' power of a one-sample t test at that effect: 80 %, but for the approximation."""
    one = Estimate(value=0.0, se=1 / np.sqrt(40), df=39, interval=None, p=None, n_examples=40, n_units=40)
    found = minimum_detectable_effect(one)
    assert found is not None
    assert TTestPower().power(found, nobs=40, alpha=0.05) == pytest.approx(0.80, abs=0.01)
    assert minimum_detectable_effect(replace(one, se=None)) is None


def test_draws_are_described() -> None:
    found = draw_spread([0.2, 0.5, 0.5])
    assert (found.value, found.low, found.high, found.n_draws) == (pytest.approx(0.4), 0.2, 0.5, 3)


def test_units_partition_and_counts() -> None:
    parts = partition(5, ["b", "a", "b", "c", "a"])
    assert parts.count == 3
    assert parts.total(np.arange(5.0)).tolist() == [5.0, 2.0, 3.0]
    with pytest.raises(HarnessError):
        partition(3, ["a"])
    drawn = np.concatenate([c for _, c in bootstrap_counts(7, resamples=3_000, rng=np.random.default_rng(0))], axis=1)
    assert drawn.shape == (7, 3_000)
    assert (drawn.sum(axis=0) == 7).all()
    # a count is binomial(7, 1/7): its variance tells a multinomial from a shuffle
    assert drawn.var() == pytest.approx(stats.binom(7, 1 / 7).var(), rel=0.05)
