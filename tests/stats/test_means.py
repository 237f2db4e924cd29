"""Means and their intervals, against statsmodels and what is known in closed form."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from harness.errors import HarnessError
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions
from harness.stats.effects import example_sd, mean_effects, mean_estimates
from harness.stats.equivalence import equivalence_test
from harness.stats.estimate import Estimate
from harness.stats.power import minimum_detectable_effect


def clustered(rng: np.random.Generator, *, units: int = 60) -> tuple[np.ndarray, np.ndarray]:
    size = rng.integers(1, 6, units)
    unit = np.repeat(np.arange(units), size)
    return rng.normal(size=units)[unit] + rng.normal(size=len(unit)), unit


def discordant(first: int, second: int, n: int) -> Estimate:
    """Estimate n examples of which one system alone has `first` right, the other alone `second`."""
    values = np.repeat([1.0, -1.0, 0.0], [first, second, n - first - second])[:, None]
    contrast = make_contrast({None: 0}, columns=1)
    [found] = mean_effects(mean_contributions(values), [contrast], rng=np.random.default_rng(0), resamples=999)
    return found


def test_cluster_robust_error_is_that_of_statsmodels() -> None:
    values, unit = clustered(np.random.default_rng(1))
    [estimate] = mean_estimates(values[:, None], units=unit)
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": unit})
    assert estimate.value == pytest.approx(fit.params[0], abs=1e-12)
    assert estimate.se == pytest.approx(fit.bse[0], abs=1e-12)
    assert (estimate.n_units, estimate.n_examples) == (60, len(values))
    # by hand from the sizes of the units (Bell and McCaffrey 2002): fewer than 59, for a few of them are large
    share = np.bincount(unit) / len(unit)
    assert estimate.df == pytest.approx((share**2).sum() ** 2 / (share**4).sum() * 59 / 60)
    assert mean_estimates(values[:60, None])[0].df == pytest.approx(59)


def test_weighted_error_is_that_of_weighted_least_squares() -> None:
    rng = np.random.default_rng(2)
    values, unit = clustered(rng)
    weights = rng.uniform(0.5, 2, len(values))
    [estimate] = mean_estimates(values[:, None], units=unit, weights=weights)
    # statsmodels counts observations in its small-sample factor; the bare sandwich times G/(G-1) is compared
    fit = sm.WLS(values, np.ones(len(values)), weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False}
    )
    assert estimate.value == pytest.approx(fit.params[0], abs=1e-12)
    assert estimate.se == pytest.approx(fit.bse[0] * np.sqrt(60 / 59), abs=1e-12)


def test_interval_of_a_rare_error_is_near_the_exact_one() -> None:
    """8 errors in 300: Clopper and Pearson (1934) give 1.2 to 5.2 %, Student's symmetric t 0.8 to 4.5 %."""
    [estimate] = mean_estimates((np.arange(300) < 8).astype(float)[:, None])
    exact = stats.binomtest(8, 300).proportion_ci()
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(exact.low, abs=0.004)
    assert estimate.interval.high == pytest.approx(exact.high, abs=0.004)


def test_interval_of_normal_values_is_near_students() -> None:
    values = np.random.default_rng(3).normal(size=400)
    [estimate] = mean_estimates(values[:, None])
    half = 1.9659 * values.std(ddof=1) / 20  # t quantile with 399 df
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(values.mean() - half, abs=0.006)
    assert estimate.interval.high == pytest.approx(values.mean() + half, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "share", "effect"), [(200, 0.1, 0.01), (200, 0.1, 0.03), (60, 0.3, 0.1), (300, 0.01, 0.01)]
)
def test_coverage_of_right_and_wrong_is_summed(n: int, share: float, effect: float) -> None:
    """The interval holds the true difference in 93 % of all tables or more, and never leaves out 0 where the exact test
    does not reject."""
    up, held, seen = (1 + effect / share) / 2, 0.0, 0.0
    for both in range(int(stats.binom.isf(1e-3, n, share)) + 1):
        for first in range(both + 1):
            chance = stats.binom.pmf(both, n, share) * stats.binom.pmf(first, both, up)
            if chance < 1e-3:
                continue
            found = discordant(first, both - first, n)
            seen += chance
            if found.interval is None:
                held += chance  # nothing is said where no example differs
                continue
            held += chance * (found.interval.low <= effect <= found.interval.high)
            assert found.p is not None
            if stats.binomtest(first, both).pvalue > 0.05:
                assert found.interval.low <= 0 <= found.interval.high
    assert held / seen >= 0.93


def test_one_example_that_differs_is_not_equivalence_and_none_may_be() -> None:
    """A true share of 1 % shows none in 300 with 4.9 %, at most one with 20 %."""
    assert equivalence_test(discordant(0, 0, 300), margin=0.01) == pytest.approx(0.99**300)
    one = equivalence_test(discordant(1, 0, 300), margin=0.01)
    assert one == pytest.approx(0.148, abs=0.001)
    many = equivalence_test(discordant(10, 10, 4_000), margin=0.01)
    assert many is not None
    assert many < 0.001


def test_least_effect_is_what_the_exact_test_finds() -> None:
    """n = 300: six errors, all one way, are the least that sign flips reject, and 2.62 % gives them with 80 %."""
    for differ in (0, 1, 2):
        found = minimum_detectable_effect(discordant(differ, 0, 300))
        assert found is not None
        assert stats.binom.sf(5, 300, found) == pytest.approx(0.8, abs=0.001)
    assert minimum_detectable_effect(discordant(2, 1, 5)) is None  # no difference of five examples can be shown


def test_rare_losses_are_not_a_gain() -> None:
    """nDCG of 50 queries, 0.08 better on most, 0.72 worse on one in ten, equal on average: sign flips err in 12 %."""
    rng = np.random.default_rng(8)
    columns = np.where(rng.random((50, 600)) < 0.1, -0.72, 0.08)
    each = [make_contrast({None: j}, columns=600) for j in range(600)]
    found = mean_effects(mean_contributions(columns), each, rng=rng, resamples=199)
    assert sum(e.p is not None and e.p <= 0.05 for e in found) / 600 <= 0.06


def test_one_example_is_the_scale_however_examples_are_grouped() -> None:
    rng = np.random.default_rng(4)
    both = rng.normal(size=(2_000, 4)) + rng.normal(size=(2_000, 1))
    alone = make_contrast({0: 0}, {0: 1}, columns=4)
    seeds = make_contrast({0: 0, 1: 2}, {0: 1, 1: 3}, columns=4)
    for units in (None, np.arange(2_000) // 20):
        table = mean_contributions(both, units=units)
        assert example_sd(table, alone) == pytest.approx((both[:, 0] - both[:, 1]).std())
        assert example_sd(table, seeds) == pytest.approx(np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(
    ("values", "units"),
    [([0.5], None), ([1.0, 1.0, 1.0], None), ([1.0, 0.0, 1.0], ["a", "a", "a"])],
    ids=["one example", "no spread", "one unit"],
)
def test_what_cannot_be_estimated_is_none(values: list[float], units: list[str] | None) -> None:
    [estimate] = mean_estimates(np.array(values)[:, None], units=units)
    assert (estimate.se, estimate.df, estimate.interval) == (None, None, None)


@pytest.mark.parametrize("bad", [[[np.nan]], [[np.inf]], np.empty((0, 1))], ids=["nan", "inf", "none"])
def test_bad_values_are_refused(bad: object) -> None:
    with pytest.raises(HarnessError):
        mean_estimates(np.asarray(bad))
