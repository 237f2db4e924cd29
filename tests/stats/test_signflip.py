"""The sign-flip test, against Fisher's own numbers, scipy, and itself under the null."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from harness.stats.signflip import SignFlip, sign_flip_tests
from harness.stats.units import partition

# Darwin's Zea mays, crossed minus self-fertilised height in eighths of an inch, as in Fisher (1935), section
# 21.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def flip(
    values: Sequence[float] | np.ndarray,
    *,
    rng: np.random.Generator,
    units: np.ndarray | None = None,
    b: int = 9_999,
) -> SignFlip:
    """Test one list of differences, summed over units."""
    sums = partition(len(values), units).total(np.asarray(values, dtype=float))
    return sign_flip_tests(sums[:, None], rng=rng, resamples=b)[0]


def test_fishers_worked_example() -> None:
    """Fisher counts 863 of 32,768 sign patterns with a sum of 314 or more on one side."""
    found = flip(DARWIN, rng=np.random.default_rng(0))
    assert found.exact
    assert found.permutations == 32_768
    assert found.p == 2 * 863 / 32_768


def test_exact_p_is_scipys() -> None:
    difference = np.random.default_rng(5).normal(0.4, 1, 12)
    oracle = stats.permutation_test(
        (difference, -difference), lambda x, y, axis: np.mean(x, axis=axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert flip(difference, rng=np.random.default_rng(0)).p == pytest.approx(oracle.pvalue, abs=1e-12)


def test_sampled_p_is_near_the_exact_one() -> None:
    difference = np.random.default_rng(6).normal(0.45, 1, 16)
    exact = flip(difference, rng=np.random.default_rng(0))
    # a 17th unit with next to no difference forces sampling without changing the answer
    sampled = flip([*difference, 1e-6], rng=np.random.default_rng(0), b=40_000)
    assert (exact.exact, sampled.exact) == (True, False)
    assert sampled.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p / 40_000))


def test_p_is_never_zero() -> None:
    found = flip(np.arange(1, 201), rng=np.random.default_rng(0))
    assert found.p == 1 / 10_000


def test_units_that_differ_by_one_amount_are_mcnemars_test() -> None:
    """40 discordant examples, 27 one way: no sampling, and the p of the binomial distribution."""
    found = flip(np.repeat([0.1, -0.1, 0.0], [27, 13, 60]), rng=np.random.default_rng(0))
    assert found.exact
    assert found.p == pytest.approx(stats.binomtest(27, 40).pvalue, rel=1e-12)
    assert flip(np.ones(200), rng=np.random.default_rng(0)).p == pytest.approx(2.0**-199)


def test_no_difference_at_all() -> None:
    assert flip(np.zeros(50), rng=np.random.default_rng(0)).p == 1.0


def test_units_flip_as_one() -> None:
    """Ten copies of each of 8 units are 8 observations, not 80: p cannot be smaller than 2 / 2^8."""
    difference = np.repeat([1.0, 2, 1, 3, 1, 2, 1, 1], 10)
    found = flip(difference, units=np.repeat(np.arange(8), 10), rng=np.random.default_rng(0))
    assert (found.p, found.n_units) == (2 / 256, 8)


def test_type_one_error_with_clusters() -> None:
    """Strong clusters, no effect: 5 % within Monte-Carlo error by unit, several times that without."""
    rng = np.random.default_rng(7)
    unit = np.repeat(np.arange(12), 8)
    by_unit = by_example = 0
    trials = 400
    for _ in range(trials):
        difference = rng.normal(size=12)[unit] + 0.5 * rng.normal(size=96)
        by_unit += flip(difference, units=unit, rng=rng).p <= 0.05
        by_example += flip(difference, rng=rng, b=400).p <= 0.05
    assert abs(by_unit / trials - 0.05) < 3 * np.sqrt(0.05 * 0.95 / trials)
    assert by_example / trials > 0.2
