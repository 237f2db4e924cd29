"""Seeds, draws and examples crossed: against classical mean squares, and what cannot be estimated."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import ols

from harness.calibration.multibootstrap import multi_bootstrap
from harness.errors import HarnessError
from harness.stats.contrast import make_contrast
from harness.stats.contributions import Contributions, correlation_contributions, fully_crossed, mean_contributions
from harness.stats.crossed import satterthwaite, spread
from harness.stats.effects import crossed_effect, layouts, mean_effects, smooth_effects
from harness.stats.estimate import Estimate
from harness.stats.influence import influence, mid_rank_correlation


def seeded(k: int, *, shift: int = 0) -> dict[int, int]:
    return {shift + s: s for s in range(k)}


def rows(values_usd: np.ndarray) -> Contributions:
    """A table of (units, seeds, draws)."""
    units, seeds, draws = values_usd.shape
    flat = np.moveaxis(values_usd, 2, 0).reshape(draws * units, seeds)
    return mean_contributions(flat, units=np.tile(np.arange(units), draws), draws=np.repeat(np.arange(draws), units))


def mean_squares(values_usd: np.ndarray) -> dict[str, float]:
    """Mean squares of a crossed layout by statsmodels' analysis of variance."""
    index = list(itertools.product(*(range(n) for n in values_usd.shape)))
    frame = pd.DataFrame(index, columns=["u", "s", "d"]).assign(y=values_usd.ravel())
    formula = "y ~ (C(u) + C(s) + C(d))**3" if values_usd.shape[2] > 1 else "y ~ C(u) * C(s)"
    with np.errstate(divide="ignore", invalid="ignore"):
        table = sm.stats.anova_lm(ols(formula, frame).fit())
    return {"".join(c for c in name if c in "usd"): float(ms) for name, ms in table["mean_sq"].items()}


def test_two_factors_are_the_classical_mean_squares() -> None:
    """Searle et al. 1992, ch. 4.4: Var = (MS_s + MS_u - MS_su) / (S U)."""
    values = np.random.default_rng(0).normal(size=(9, 4, 1)) + np.random.default_rng(1).normal(size=(9, 1, 1))
    ms = {name.replace("C", ""): v for name, v in mean_squares(values).items()}
    found = spread(layouts(rows(values), make_contrast(seeded(4), columns=4)), seeds_vary=True)
    size = 36
    assert found.seeds[0] == pytest.approx(ms["s"] / size, abs=1e-12)
    assert found.examples == pytest.approx((ms["u"] - ms["us"]) / size, abs=1e-12)
    assert found.variance == pytest.approx((ms["s"] + ms["u"] - ms["us"]) / size, abs=1e-12)


def test_three_factors_are_the_classical_mean_squares() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(6, 3, 4)) + 2 * rng.normal(size=(6, 1, 1)) + 2 * rng.normal(size=(1, 1, 4))
    ms = mean_squares(values)
    found = spread(layouts(rows(values), make_contrast(seeded(3), columns=3)), seeds_vary=True)
    size = 72
    assert found.seeds[0] == pytest.approx(ms["s"] / size, abs=1e-12)
    assert found.draws == pytest.approx((ms["d"] - ms["sd"]) / size, abs=1e-12)
    assert found.examples == pytest.approx((ms["u"] - ms["us"] - ms["ud"] + ms["usd"]) / size, abs=1e-12)


def test_one_factor_is_students_t() -> None:
    values = np.random.default_rng(4).normal(size=(30, 1, 1))
    found = crossed_effect(replace(rows(values), skewed=False), make_contrast({0: 0}, columns=1))
    oracle = stats.ttest_1samp(values.ravel(), 0)
    assert (found.p, found.df, found.over) == (
        pytest.approx(oracle.pvalue, abs=1e-12),
        pytest.approx(29),
        "checkpoints",
    )
    assert found.interval is not None
    assert found.interval.low == pytest.approx(oracle.confidence_interval().low, abs=1e-12)


def test_without_noise_of_examples_it_is_the_t_test_over_seeds() -> None:
    """Paired and unpaired: examples that move alike add nothing, Student's and Welch's df remain."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=10)
    table = mean_contributions(np.tile(scores, (40, 1)))
    paired = crossed_effect(table, make_contrast(seeded(5), {s: 5 + s for s in range(5)}, columns=10))
    assert paired.p == pytest.approx(stats.ttest_rel(scores[:5], scores[5:]).pvalue, abs=1e-12)
    assert (paired.over, paired.n_seeds, paired.df) == ("seeds", 5, pytest.approx(4))
    apart = crossed_effect(table, make_contrast(seeded(5), {9 + s: 5 + s for s in range(5)}, columns=10))
    oracle = stats.ttest_ind(scores[:5], scores[5:], equal_var=False)
    assert apart.p == pytest.approx(oracle.pvalue, abs=1e-12)
    assert apart.df == pytest.approx(oracle.df, abs=1e-10)


def test_degrees_of_freedom() -> None:
    """Equal parts with equal df add up (Satterthwaite 1946); a part with few df weighs more than in his formula."""
    one = np.array(1.0)
    assert satterthwaite([one, one], [4, 4]) == pytest.approx(8)
    assert satterthwaite([one], [4]) == pytest.approx(4)
    # weights 1.5 and 1: 2.5 squared over 1.5 squared / 4
    assert satterthwaite([one, one], [4, 10**9]) == pytest.approx(100 / 9, abs=1e-6)
    assert satterthwaite([np.array(0.0)], [4]) == np.inf


def test_contrasts_pair_what_shares_a_seed() -> None:
    both = make_contrast({1: 0, 2: 1}, {2: 3, 1: 2}, columns=4)
    assert [group.seeds for group in both.groups] == [(1, 2)]
    assert both.pairs_sk.tolist() == [[1, 0, -1, 0], [0, 1, 0, -1]]
    # sides with other seeds are not paired, and no checkpoint is left out
    some = make_contrast({0: 0, 1: 1, 2: 2}, {1: 3, 2: 4, 7: 5, 8: 6}, columns=7)
    assert [group.seeds for group in some.groups] == [(0, 1, 2), (1, 2, 7, 8)]
    assert some.weight_k.tolist() == pytest.approx([1 / 3] * 3 + [-1 / 4] * 4)
    assert (some.n_seeds, some.pairs_sk.shape) == (3, (12, 7))
    fixed = make_contrast({0: 0, 1: 1}, {None: 2}, columns=3)
    assert (len(fixed.groups), fixed.n_seeds, fixed.weight_k.tolist()) == (1, 2, [0.5, 0.5, -1])
    apart = make_contrast({0: 0, 1: 1}, {2: 2, 3: 3}, columns=4)
    assert (len(apart.groups), apart.seeds_vary) == (2, True)
    assert not apart.fixed().seeds_vary
    assert not make_contrast({0: 0, 1: 1}, {5: 2}, columns=3).seeds_vary
    for first, second in (({}, {0: 0}), ({0: 0}, {})):
        with pytest.raises(HarnessError, match="at least one seed on each side"):
            make_contrast(first, second, columns=1)


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
def test_influence_is_the_derivative(kind: str) -> None:
    """The correlation with a copy more of example i, against the first-order value, ties included."""
    rng = np.random.default_rng(6)
    n = 4_000
    gold = rng.integers(0, 5, n).astype(float)
    predicted = np.round(gold + rng.normal(size=n) * 2, 1)
    oracle = stats.spearmanr if kind == "spearman" else stats.pearsonr
    [value], pull = influence(gold, predicted[:, None], kind=kind)  # type: ignore[arg-type]
    assert value == pytest.approx(oracle(gold, predicted)[0], abs=1e-12)
    assert pull.sum() == pytest.approx(0, abs=1e-8)
    for i in (0, 17, 99):
        more = oracle(np.append(gold, gold[i]), np.append(predicted, predicted[i]))[0]
        assert (more - value) * (n + 1) == pytest.approx(pull[i, 0], abs=0.01)


@pytest.mark.slow
def test_influence_has_the_bootstraps_covariance() -> None:
    """Two seeds of two systems on 400 pairs: the same covariance as 600 resamples with exact mid-ranks."""
    rng = np.random.default_rng(7)
    gold = rng.integers(0, 6, 400).astype(float)
    predicted = gold[:, None] + rng.normal(size=(400, 1)) + rng.normal(size=(400, 4)) * 2
    pulls = correlation_contributions(gold, predicted, kind="spearman").centred[:, :, 0]
    drawn = np.array(
        [stats.spearmanr(predicted[r], gold[r]).statistic[:4, 4] for r in rng.integers(0, 400, (600, 400))]
    )
    assert pulls.T @ pulls == pytest.approx(np.cov(drawn.T), abs=1.5e-4)


def test_correlations_are_scipys_in_folds_and_units() -> None:
    rng = np.random.default_rng(8)
    gold, predicted = rng.normal(size=60), rng.normal(size=(60, 2))
    fold = np.repeat([0, 1, 2], 20)
    found = correlation_contributions(gold, predicted, kind="spearman", blocks=fold, units=np.arange(60) // 2)
    expected = np.mean([mid_rank_correlation(gold[fold == f], predicted[fold == f, 1]) for f in range(3)])
    assert found.value_kd[1, 0] == pytest.approx(expected, abs=1e-12)
    assert (found.n_units, found.n_examples) == (30, 60)
    assert found.share_ud.sum() == pytest.approx(1)


def test_a_contrast_depends_on_no_other() -> None:
    rng = np.random.default_rng(9)
    table = mean_contributions(rng.integers(0, 2, (50, 4)).astype(float))
    pairs = [make_contrast({0: a}, {0: b}, columns=4) for a, b in ((0, 1), (2, 3), (1, 1))]
    alone = [mean_effects(table, [p], rng=np.random.default_rng(0), resamples=500)[0] for p in pairs]
    together = mean_effects(table, pairs, rng=np.random.default_rng(0), resamples=500)
    assert [e.p for e in alone] == [e.p for e in together]
    assert [e.value for e in alone] == pytest.approx([e.value for e in together], abs=1e-12)
    assert (together[2].p, together[2].se) == (1.0, None)
    assert together[2].components is not None
    assert together[2].components.moving == 0


@pytest.mark.parametrize("seeds", [3, 6, 7, 11])
def test_equal_seeds_differ_by_nothing(seeds: int) -> None:
    """A third plus a third plus a third minus one is not a difference, in any of the tests."""
    score = np.random.default_rng(10).integers(1, 10, (40, 1)) / 10
    table = mean_contributions(np.tile(score, (1, seeds + 1)))
    pair = make_contrast(dict(enumerate(range(seeds))), {None: seeds}, columns=seeds + 1)
    assert np.abs(table.part_ukd[:, :, 0] @ pair.weight_k).max() < 1e-15
    [fixed] = mean_effects(table, [pair.fixed()], rng=np.random.default_rng(0), resamples=200)
    assert (fixed.value, fixed.p, fixed.se, fixed.interval) == (0.0, 1.0, None, None)
    crossed = crossed_effect(table, pair)
    assert (crossed.p, crossed.se, crossed.interval, crossed.over) == (None, None, None, "seeds")


def test_effects_choose_their_method() -> None:
    rng = np.random.default_rng(11)
    gold = rng.normal(size=80)
    predicted = gold[:, None] + rng.normal(size=(80, 4))
    seeds = make_contrast({0: 0, 1: 1}, {0: 2, 1: 3}, columns=4)
    table = correlation_contributions(gold, predicted, kind="spearman")
    found = smooth_effects(table, [seeds, seeds.fixed()])
    assert [e.over for e in found] == ["seeds", "checkpoints"]
    assert [e.test for e in found] == ["crossed t", "t on influence functions"]
    assert found[0].value == pytest.approx(found[1].value, abs=1e-12)
    assert found[0].components is not None
    assert found[0].components.seed is not None
    single = make_contrast({0: 0}, {1: 2}, columns=4)
    assert crossed_effect(table, single).over == "checkpoints"


def test_draws_are_a_factor_only_where_crossed() -> None:
    draw, unit = np.repeat([0, 1], 3), np.tile(["a", "b", "c"], 2)
    assert fully_crossed(unit, draw)
    assert not fully_crossed(None, draw)
    assert not fully_crossed(unit, np.zeros(6))
    with pytest.raises(HarnessError, match="missing from a draw"):
        mean_contributions(np.ones((6, 1)), draws=draw)
    right = np.random.default_rng(12).integers(0, 2, (6, 2)).astype(float)
    table = mean_contributions(right, units=unit, draws=draw)
    [found] = mean_effects(table, [make_contrast({0: 0}, {0: 1}, columns=2)], rng=np.random.default_rng(0))
    assert (found.n_draws, found.n_units, found.n_examples) == (2, 3, 3)
    assert found.value == pytest.approx(right[:, 0].mean() - right[:, 1].mean())


def test_published_multi_bootstrap_counts_the_interaction_three_times() -> None:
    """Owen 2007, theorem 2: redrawing both factors of pure seeds × examples noise triples its variance."""
    rng = np.random.default_rng(13)
    values = rng.normal(size=(400, 20))
    contrast = make_contrast(seeded(20), columns=20)
    table = mean_contributions(values)
    found = multi_bootstrap(table, contrast, rng=rng, resamples=2_000)
    ours = crossed_effect(table, contrast)
    assert found.value == pytest.approx(ours.value, abs=1e-12)
    assert (found.se or 0) ** 2 / (1 / 8_000) == pytest.approx(3, rel=0.15)


def empty(estimate: Estimate) -> bool:
    return (estimate.se, estimate.interval, estimate.df, estimate.components) == (None, None, None, None)


def test_bad_input() -> None:
    one = make_contrast({0: 0}, {0: 1}, columns=2)
    rng = np.random.default_rng(0)
    single = mean_contributions(np.array([[1.0, 0.0]]))
    [found] = mean_effects(single, [one], rng=rng)
    assert empty(found)
    assert (found.value, found.p) == (1.0, None)
    two_seeds = mean_contributions(np.ones((1, 4)))
    assert empty(crossed_effect(two_seeds, make_contrast({0: 0, 1: 1}, {0: 2, 1: 3}, columns=4)))
    with pytest.raises(HarnessError, match="not a finite number"):
        mean_contributions(np.array([[np.nan]]))
    with pytest.raises(HarnessError, match="3 examples need 3 weights, got 2"):
        mean_contributions(np.ones((3, 1)), weights=[1, 1])
    with pytest.raises(HarnessError, match="positive"):
        mean_contributions(np.ones((2, 1)), weights=[1, 0])
    with pytest.raises(HarnessError, match="at least one example"):
        mean_contributions(np.empty((0, 1)))
    with pytest.raises(HarnessError, match="4 gold scores need as many predicted ones, got 3"):
        correlation_contributions(np.arange(4.0), np.ones((3, 1)), kind="spearman")
    for kind in ("spearman", "pearson"):
        for gold, predicted in ((np.ones(5), np.arange(5.0)), (np.arange(5.0), np.full(5, 0.1))):
            with pytest.raises(HarnessError, match="constant"):
                correlation_contributions(gold, predicted[:, None], kind=kind)  # type: ignore[arg-type]
