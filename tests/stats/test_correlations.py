"""Correlations under resampling, against scipy on explicitly repeated data."""

import numpy as np
import pytest
from scipy import stats

from harness.errors import HarnessError
from harness.stats.bca import bca
from harness.stats.correlations import _pearson, _spearman, resample_correlations


def world(n: int = 80, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gold scores with many ties, two predictions, the second with ties too."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 6, n).astype(float)
    predicted = gold[:, None] * [1.0, 0.6] + rng.normal(size=(n, 2)) * 2
    predicted[:, 1] = np.round(predicted[:, 1])
    return gold, predicted


@pytest.mark.parametrize(
    ("prepare", "oracle"),
    [(_spearman, stats.spearmanr), (_pearson, stats.pearsonr)],
    ids=["spearman", "pearson"],
)
def test_resamples_are_exact_with_ties(prepare, oracle, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("harness.stats.correlations._CELLS_AT_ONCE", 80 * 4)  # four resamples at once, then two
    gold, predicted = world()
    counts = np.random.default_rng(1).multinomial(80, np.full(80, 1 / 80), size=6).T.astype(float)
    found = prepare(gold, predicted)(counts)
    for b in range(6):
        rows = np.repeat(np.arange(80), counts[:, b].astype(int))
        for k in range(2):
            assert found[b, k] == pytest.approx(oracle(gold[rows], predicted[rows, k])[0], abs=1e-12)


def test_published_value() -> None:
    """Hours of television and IQ, the worked example of Spearman's rho in Wikipedia: rho = -29/165."""
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [[7], [27], [2], [50], [28], [29], [20], [12], [6], [17]]
    found = resample_correlations(iq, hours, kind="spearman", rng=np.random.default_rng(0), resamples=20)
    assert found.observed[0] == pytest.approx(-29 / 165, abs=1e-12)


@pytest.mark.slow
def test_bca_agrees_with_scipy() -> None:
    gold, predicted = world(120)
    found = resample_correlations(gold, predicted, kind="pearson", rng=np.random.default_rng(0))
    estimate = found.estimate([1.0, -1.0])
    oracle = stats.bootstrap(
        (gold, predicted[:, 0], predicted[:, 1]),
        lambda g, a, b: stats.pearsonr(g, a)[0] - stats.pearsonr(g, b)[0],
        paired=True, vectorized=False, method="BCa", n_resamples=1_500, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert estimate.interval is not None
    assert estimate.interval.method == "BCa"
    width = oracle.confidence_interval.high - oracle.confidence_interval.low
    assert estimate.interval.low == pytest.approx(oracle.confidence_interval.low, abs=0.08 * width)
    assert estimate.interval.high == pytest.approx(oracle.confidence_interval.high, abs=0.08 * width)
    assert estimate.se == pytest.approx(oracle.standard_error, rel=0.08)


def test_p_and_interval_are_one_statement() -> None:
    """At the level 1 - p, an end of the interval is 0."""
    gold, predicted = world(100, seed=3)
    predicted[:, 1] += 0.2 * gold  # brings p to where there are replicates enough to see it
    found = resample_correlations(gold, predicted, kind="spearman", rng=np.random.default_rng(0))
    p = found.estimate([1.0, -1.0]).p
    assert p is not None
    assert 0.01 < p < 0.5
    interval = found.estimate([1.0, -1.0], level=1 - p).interval
    assert interval is not None
    assert min(abs(interval.low), abs(interval.high)) < 0.003


def test_bca_without_bias_or_skew_is_the_percentile_interval() -> None:
    replicates = np.linspace(-1, 3, 4_001)
    interval, p = bca(1.0, replicates=replicates, jackknife=np.linspace(-1, 1, 9))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((-0.9, 2.9), abs=1e-3)
    assert p == pytest.approx(0.5, abs=1e-3)


def test_folds_are_correlated_one_by_one() -> None:
    """A fold on another scale must not make a correlation of its own (harness.metrics: mean over trials)."""
    gold, predicted = world(60)
    fold = np.repeat([0, 1, 2], 20)
    shifted = predicted + 100 * fold[:, None]
    found = resample_correlations(gold, shifted, kind="pearson", rng=np.random.default_rng(0), blocks=fold)
    expected = np.mean([stats.pearsonr(gold[fold == f], predicted[fold == f, 0])[0] for f in range(3)])
    assert found.observed[0] == pytest.approx(expected, abs=1e-10)


def test_units_are_drawn_whole() -> None:
    """Four copies of every pair, one unit each, are as uncertain as the pairs themselves."""
    gold, predicted = world(60)
    once = resample_correlations(gold, predicted, kind="spearman", rng=np.random.default_rng(0))
    again = resample_correlations(
        np.repeat(gold, 4), np.repeat(predicted, 4, axis=0), kind="spearman",
        units=np.repeat(np.arange(60), 4),
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert again.n_units == 60
    assert again.estimate([1, -1]).se == pytest.approx(once.estimate([1, -1]).se, rel=1e-9)


def test_what_cannot_be_estimated_is_none_or_refused() -> None:
    gold, predicted = world(4)
    few = resample_correlations(gold, predicted, kind="spearman", rng=np.random.default_rng(0)).estimate([1, -1])
    assert (few.interval, few.se, few.p) == (None, None, None)
    same = resample_correlations(*world(50), kind="spearman", rng=np.random.default_rng(0)).estimate([0.0, 0.0])
    assert (same.value, same.interval, same.p) == (0.0, None, None)
    with pytest.raises(HarnessError, match="constant"):
        resample_correlations(np.arange(9.0), np.ones((9, 1)), kind="spearman", rng=np.random.default_rng(0))


def test_coverage_of_a_difference() -> None:
    """95 % BCa intervals hold the true difference (0, by symmetry) in about 95 % of 300 worlds."""
    rng = np.random.default_rng(11)
    inside = 0
    for _ in range(300):
        gold = rng.normal(size=80)
        predicted = gold[:, None] + rng.normal(size=(80, 2))
        found = resample_correlations(gold, predicted, kind="spearman", rng=rng, resamples=500)
        interval = found.estimate([1, -1]).interval
        inside += interval is not None and interval.low <= 0 <= interval.high
    assert 0.90 <= inside / 300 <= 0.985
