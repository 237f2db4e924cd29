"""Means and their intervals, against statsmodels and what is known in closed form."""

import numpy as np
import pytest
import statsmodels.api as sm

from harness.errors import HarnessError
from harness.stats.means import mean_estimates


def clustered(rng: np.random.Generator, *, units: int = 60) -> tuple[np.ndarray, np.ndarray]:
    size = rng.integers(1, 6, units)
    unit = np.repeat(np.arange(units), size)
    return rng.normal(size=units)[unit] + rng.normal(size=len(unit)), unit


def test_cluster_robust_error_is_that_of_statsmodels() -> None:
    values, unit = clustered(np.random.default_rng(1))
    [estimate] = mean_estimates(values[:, None], units=unit, rng=np.random.default_rng(0), resamples=50)
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": unit})
    assert estimate.value == pytest.approx(fit.params[0], abs=1e-12)
    assert estimate.se == pytest.approx(fit.bse[0], abs=1e-12)
    assert (estimate.df, estimate.n_units, estimate.n_examples) == (59, 60, len(values))


def test_weighted_error_is_that_of_weighted_least_squares() -> None:
    rng = np.random.default_rng(2)
    values, unit = clustered(rng)
    weights = rng.uniform(0.5, 2, len(values))
    [estimate] = mean_estimates(
        values[:, None], units=unit, weights=weights, rng=np.random.default_rng(0), resamples=50
    )
    # statsmodels counts observations in its small-sample factor; the bare sandwich times G/(G-1) is compared
    fit = sm.WLS(values, np.ones(len(values)), weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False}
    )
    assert estimate.value == pytest.approx(fit.params[0], abs=1e-12)
    assert estimate.se == pytest.approx(fit.bse[0] * np.sqrt(60 / 59), abs=1e-12)


def test_bootstrap_t_of_a_rare_error_is_near_the_exact_interval() -> None:
    """8 errors in 300: Clopper and Pearson (1934) give 1.2 to 5.2 %, Student's symmetric t 0.8 to 4.5 %."""
    from scipy.stats import binomtest

    values = (np.arange(300) < 8).astype(float)[:, None]
    [estimate] = mean_estimates(values, rng=np.random.default_rng(0))
    exact = binomtest(8, 300).proportion_ci()
    assert estimate.interval is not None
    assert estimate.interval.method == "bootstrap-t"
    assert estimate.interval.low == pytest.approx(exact.low, abs=0.003)
    assert estimate.interval.high == pytest.approx(exact.high, abs=0.004)


def test_interval_of_normal_values_is_near_students() -> None:
    values = np.random.default_rng(3).normal(size=400)
    [estimate] = mean_estimates(values[:, None], rng=np.random.default_rng(0))
    half = 1.9659 * values.std(ddof=1) / 20  # t quantile with 399 df
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(values.mean() - half, abs=0.006)
    assert estimate.interval.high == pytest.approx(values.mean() + half, abs=0.006)


@pytest.mark.parametrize(
    ("values", "units"),
    [([0.5], None), ([1.0, 1.0, 1.0], None), ([1.0, 0.0, 1.0], ["a", "a", "a"])],
    ids=["one example", "no spread", "one unit"],
)
def test_what_cannot_be_estimated_is_none(values: list[float], units: list[str] | None) -> None:
    [estimate] = mean_estimates(np.array(values)[:, None], units=units, rng=np.random.default_rng(0))
    assert (estimate.se, estimate.df, estimate.interval) == (None, None, None)


def test_all_columns_share_their_resamples() -> None:
    values, unit = clustered(np.random.default_rng(4))
    both = mean_estimates(np.stack([values, values], axis=1), units=unit, rng=np.random.default_rng(0))
    alone = mean_estimates(values[:, None], units=unit, rng=np.random.default_rng(0))
    assert both[0] == both[1]
    assert both[0].interval.low == pytest.approx(alone[0].interval.low, rel=1e-9)  # type: ignore[union-attr]


@pytest.mark.parametrize("bad", [[[np.nan]], [[np.inf]], np.empty((0, 1))], ids=["nan", "inf", "none"])
def test_bad_values_are_refused(bad: object) -> None:
    with pytest.raises(HarnessError):
        mean_estimates(np.asarray(bad), rng=np.random.default_rng(0))
