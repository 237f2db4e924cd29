"""Correlations by their influence functions, against scipy and their own error rates."""

import numpy as np
import pytest
from scipy import stats

from harness.errors import HarnessError
from harness.stats.contrast import make_contrast
from harness.stats.contributions import correlation_contributions
from harness.stats.effects import smooth_effects
from harness.stats.estimate import Estimate
from harness.stats.influence import Correlation

PAIR = make_contrast({None: 0}, {None: 1}, columns=2)


def world(n: int = 80, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gold scores with many ties, two predictions, the second with ties too."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 6, n).astype(float)
    predicted = gold[:, None] * [1.0, 0.6] + rng.normal(size=(n, 2)) * 2
    predicted[:, 1] = np.round(predicted[:, 1])
    return gold, predicted


def compared(
    gold: np.ndarray, predicted: np.ndarray, *, kind: Correlation = "spearman", units: np.ndarray | None = None
) -> Estimate:
    [found] = smooth_effects(correlation_contributions(gold, predicted, kind=kind, units=units), [PAIR])
    return found


def test_published_value() -> None:
    """Hours of television and IQ, the worked example of Spearman's rho in Wikipedia: rho = -29/165."""
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [[7], [27], [2], [50], [28], [29], [20], [12], [6], [17]]
    assert correlation_contributions(iq, hours, kind="spearman").value_kd[0, 0] == pytest.approx(-29 / 165, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "oracle"), [("spearman", stats.spearmanr), ("pearson", stats.pearsonr)], ids=["spearman", "pearson"]
)
def test_standard_error_is_near_that_of_scipys_bootstrap(kind: Correlation, oracle) -> None:  # type: ignore[no-untyped-def]
    gold, predicted = world(150)
    found = stats.bootstrap(
        (gold, predicted[:, 0], predicted[:, 1]), lambda g, a, b: oracle(g, a)[0] - oracle(g, b)[0],
        paired=True, vectorized=False, method="percentile", n_resamples=400, rng=np.random.default_rng(1),
    )  # fmt: skip
    estimate = compared(gold, predicted, kind=kind)
    assert estimate.value == pytest.approx(oracle(gold, predicted[:, 0])[0] - oracle(gold, predicted[:, 1])[0])
    assert estimate.se == pytest.approx(found.standard_error, rel=0.12)


def test_folds_are_correlated_one_by_one() -> None:
    """A fold on another scale must not make a correlation of its own (harness.metrics: mean over trials)."""
    gold, predicted = world(60)
    fold = np.repeat([0, 1, 2], 20)
    found = correlation_contributions(gold, predicted + 100 * fold[:, None], kind="pearson", blocks=fold)
    expected = np.mean([stats.pearsonr(gold[fold == f], predicted[fold == f, 0])[0] for f in range(3)])
    assert found.value_kd[0, 0] == pytest.approx(expected, abs=1e-10)


def test_copies_of_a_unit_are_no_more_data() -> None:
    """Four copies of every pair, one unit each, are as uncertain as the pairs themselves."""
    gold, predicted = world(60)
    again = compared(np.repeat(gold, 4), np.repeat(predicted, 4, axis=0), units=np.repeat(np.arange(60), 4))
    assert again.n_units == 60
    assert again.se == pytest.approx(compared(gold, predicted).se, rel=1e-9)


def test_predictions_that_are_nearly_constant_are_not_tested() -> None:
    """All pairs but two tied: the t test would err in 18 % of such tasks."""
    rng = np.random.default_rng(0)
    gold = rng.normal(size=200)
    flat = np.zeros(200)
    flat[np.argsort(gold)[-2:]] = 1
    found = compared(gold, np.stack([gold + 0.3 * rng.normal(size=200), flat], axis=1))
    assert (found.p, found.interval, found.se) == (None, None, None)
    assert found.value > 0.5
    with pytest.raises(HarnessError, match="constant"):
        correlation_contributions(np.arange(9.0), np.ones((9, 1)), kind="spearman")


@pytest.mark.slow
@pytest.mark.parametrize("heavy", [False, True])
def test_error_with_sixty_pairs(heavy: bool) -> None:
    """No difference by symmetry: found in about 5 % of 500 tasks. A resampled BCa interval left out 0 in 8 %."""
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(500):
        gold = rng.normal(size=60)
        noise = rng.standard_t(2, size=(60, 2)) if heavy else rng.normal(size=(60, 2))
        p = compared(gold, 0.8 * gold[:, None] + 0.6 * rng.normal(size=(60, 1)) + 0.6 * noise).p
        found += p is not None and p <= 0.05
    assert found / 500 <= 0.07
