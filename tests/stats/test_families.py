"""Max-T families, tasks, power: against brute force, closed forms and statsmodels."""

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from harness.calibration.hierarchical import hierarchical_interval
from harness.errors import HarnessError
from harness.stats.across import across_tasks
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions, task_contributions
from harness.stats.estimate import Components
from harness.stats.joint import JointTask, joint_statistics, normal_score
from harness.stats.maxt import max_t, max_t_families
from harness.stats.power import examples_needed, power_of, seeds_needed
from harness.stats.signflip import sign_flip_tests


def test_step_down_is_westfall_and_youngs_algorithm() -> None:
    """Algorithm 2.8 (1993), spelled out, on all 256 sign patterns of 8 units in 4 variables."""
    data = np.random.default_rng(0).normal([0.2, 0.9, 0.5, 0.0], 1, (8, 4))
    patterns = np.array(list(itertools.product([-1, 1], repeat=8)))
    null = patterns @ data
    observed = data.sum(axis=0)
    order = np.argsort(-np.abs(observed))
    expected, before = {}, 0.0
    for step, j in enumerate(order):
        rest = order[step:]
        exceeding = sum(max(abs(row[k]) for k in rest) >= abs(observed[j]) - 1e-12 for row in null)
        before = max(before, (exceeding + 1) / 257)
        expected[j] = before
    assert max_t(observed, null) == pytest.approx([expected[j] for j in range(4)], abs=1e-12)


def test_step_down_on_independent_statistics_is_sidaks() -> None:
    null = np.random.default_rng(1).normal(size=(40_000, 5))
    observed = np.array([2.0, -3.0, np.nan, 2.5, 0.5])
    p = 2 * stats.norm.sf(np.abs(observed))
    found = max_t(observed, null)
    assert found[2] is None
    # the most extreme of four, the second of three left, and so on
    sidak = [1 - (1 - p[0]) ** 2, 1 - (1 - p[1]) ** 4, 1 - (1 - p[3]) ** 3, p[4]]
    assert [found[0], found[1], found[3], found[4]] == pytest.approx(sidak, abs=0.008)


def test_dependence_is_kept() -> None:
    """Twenty copies of one hypothesis cost nothing, where Holm would ask for twenty times the evidence."""
    difference = np.random.default_rng(2).normal(0.25, 1, (90, 1))
    contrasts = tuple(make_contrast({0: j}, columns=20) for j in range(20))
    task = JointTask(table=mean_contributions(np.tile(difference, (1, 20))), contrasts=contrasts)
    found = joint_statistics([task], rng=np.random.default_rng(3), resamples=4_000)
    adjusted = max_t(found.observed, found.null)
    alone = sign_flip_tests(difference, rng=np.random.default_rng(4))[0].p
    assert adjusted == pytest.approx([alone] * 20, abs=0.006)
    assert alone < 0.05 < 20 * alone


def test_blocks_of_any_size_give_the_same_p_values() -> None:
    rng = np.random.default_rng(5)
    tasks = []
    for n in (150, 203):
        right = (rng.normal(size=(3 * n, 20)) + 0.04 * np.arange(20) > 0).astype(float)
        table = mean_contributions(right, units=np.tile(np.arange(n), 3), draws=np.repeat(np.arange(3), n))
        sides = [{seed: 5 * v + seed for seed in range(5)} for v in range(4)]
        contrasts = [make_contrast(sides[b], sides[a], columns=20) for a, b in itertools.combinations(range(4), 2)]
        tasks.append(JointTask(table=table, contrasts=tuple(contrasts)))
    few = [0, 3, 7]
    found = []
    for cells in (1 << 24, 12 * 97, 1):
        joint = joint_statistics(tasks, rng=np.random.default_rng(1), resamples=300, cells=cells)
        assert max(len(block) for block in joint.blocks()) == min(300, max(1, cells // 12))
        whole, part = max_t_families(joint, [range(12), few])
        assert whole == max_t(joint.observed, joint.null)
        assert part == max_t(joint.observed[few], joint.null[:, few])
        found.append((whole, part))
    assert found[0] == found[1] == found[2]


def test_joint_statistics_of_one_contrast_are_its_own_test() -> None:
    """20,000 null statistics put the observed one where the sign flips do, and with seeds where Student's t does."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(60, 10)) + np.repeat([0.4, 0], 5) + rng.normal(0, 0.3, 10)
    table = mean_contributions(values)
    paired = make_contrast({s: s for s in range(5)}, {s: 5 + s for s in range(5)}, columns=10)
    found = joint_statistics([JointTask(table=table, contrasts=(paired.fixed(),))], rng=rng, resamples=20_000)
    flips = sign_flip_tests((values @ paired.weight_k)[:, None], rng=rng, resamples=20_000)[0].p
    assert max_t(found.observed, found.null) == [pytest.approx(flips, abs=0.01)]
    # examples that move alike add nothing: Student's t over seeds, and Behrens and Fisher's over two groups of them
    flat = mean_contributions(np.tile(values[0], (60, 1)))
    apart = make_contrast({s: s for s in range(5)}, {9 + s: 5 + s for s in range(5)}, columns=10)
    found = joint_statistics([JointTask(table=flat, contrasts=(paired, apart))], rng=rng, resamples=20_000)
    above = np.mean(np.abs(found.null) >= np.abs(found.observed), axis=0)
    assert above[0] == pytest.approx(stats.ttest_rel(values[0, :5], values[0, 5:]).pvalue, abs=0.015)
    t = rng.standard_t(4, (2, 40_000)) * values[0].reshape(2, 5).std(axis=1, ddof=1)[:, None] / np.sqrt(5)
    fisher = np.mean(np.abs(t[0] - t[1]) >= abs(values[0, :5].mean() - values[0, 5:].mean()))
    assert above[1] == pytest.approx(fisher, abs=0.015)


def test_seeds_move_alike_on_all_tasks_and_examples_do_not() -> None:
    rng = np.random.default_rng(6)
    seeds = rng.normal(size=5)
    pair = make_contrast({s: s for s in range(5)}, columns=5)

    def correlation(noise: float) -> float:
        tasks = [
            JointTask(table=mean_contributions(seeds + noise * rng.normal(size=(80, 5))), contrasts=(pair,))
            for _ in range(2)
        ]
        return float(np.corrcoef(joint_statistics(tasks, rng=rng, resamples=1_500).null.T)[0, 1])

    assert correlation(0.01) > 0.95
    single = make_contrast({0: 0}, columns=1)
    tasks = [JointTask(table=mean_contributions(rng.normal(size=(80, 1))), contrasts=(single,)) for _ in range(2)]
    null = joint_statistics(tasks, rng=rng, resamples=1_500).null
    assert abs(np.corrcoef(null.T)[0, 1]) < 0.1


def test_what_cannot_be_tested_is_no_member() -> None:
    same = JointTask(table=mean_contributions(np.ones((9, 2))), contrasts=(make_contrast({0: 0}, {0: 1}, columns=2),))
    one = JointTask(table=mean_contributions(np.ones((1, 1))), contrasts=(make_contrast({0: 0}, columns=1),))
    found = joint_statistics([same, one], rng=np.random.default_rng(0), resamples=20)
    assert max_t(found.observed, found.null) == [None, None]
    with pytest.raises(HarnessError, match="as many null ones"):
        max_t(np.zeros(2), np.zeros((5, 3)))


@pytest.mark.parametrize("df", [3, 4, 9, 100])
def test_normal_scores(df: int) -> None:
    for t in (0.5, 2.0, 4.0, 8.0):
        exact = -stats.norm.ppf(stats.t.sf(t, df))
        assert normal_score(np.array(t), np.array(df)) == pytest.approx(exact, abs=0.05)


def test_power_is_statsmodels() -> None:
    """d = 0.5, 80 %, two-sided: 34 pairs, the value of G*Power's manual for the paired t test."""
    one = Components(example=4.0, seed=None, seed_example=None, draw=0.0)
    assert examples_needed(1.0, one) == 34
    assert power_of(1.0, one, n_units=20) == pytest.approx(TTestPower().power(0.5, 20, 0.05), abs=1e-10)
    assert power_of(1.0, one, n_units=1) == 0.0
    assert power_of(50.0, one, n_units=100) == 1.0
    few = Components(example=0.001, seed=1e-6, seed_example=1e-6)
    assert all(0.99 < power_of(effect, few, n_units=300, n_seeds=5) <= 1 for effect in (0.05, 0.3, 0.9))
    assert seeds_needed(1.0, one, n_units=10) is None


def test_seeds_and_examples_that_decide() -> None:
    parts = Components(example=0.5, seed=0.01, seed_example=0.5, draw=0.0)
    needed = seeds_needed(0.15, parts, n_units=2_000)
    assert needed is not None
    assert power_of(0.15, parts, n_units=2_000, n_seeds=needed) >= 0.8
    assert power_of(0.15, parts, n_units=2_000, n_seeds=needed - 1) < 0.8
    assert examples_needed(0.01, parts, n_seeds=3) is None  # more examples do not shrink the variance of seeds
    assert power_of(0.15, parts, n_units=2_000, n_seeds=1) == 0.0
    nothing = Components(example=0.0, seed=None, seed_example=None, draw=0.0)
    with pytest.raises(HarnessError, match="varies"):
        power_of(0.1, nothing, n_units=10)


def test_two_tasks_with_five_seeds_keep_the_error() -> None:
    """12 % where Satterthwaite's degrees of freedom stood for two tasks."""
    rng, wrong = np.random.default_rng(3), 0
    pair = make_contrast({s: s for s in range(5)}, {s: 5 + s for s in range(5)}, columns=10)
    for _ in range(300):
        scores = 0.02 * rng.normal(size=(2, 2, 5)) + 0.01 * rng.normal(size=(1, 2, 5))
        scores[:, 0] += 0.03 * rng.normal(size=(2, 1))
        found = across_tasks(scores.reshape(2, 10), pair, rng=rng, resamples=9).raw
        wrong += found.p is not None and found.p <= 0.05
    assert wrong <= 21  # 15 expected


def test_across_tasks() -> None:
    rng = np.random.default_rng(7)
    scores = rng.normal(0.6, 0.1, (16, 1)) + rng.normal(0, 0.02, (16, 6)) + np.repeat([0.05, 0], 3)
    pair = make_contrast({s: s for s in range(3)}, {s: 3 + s for s in range(3)}, columns=6)
    scale = np.full(16, 0.5)
    found = across_tasks(scores, pair, scale_t=scale, rng=rng)
    assert (found.few, found.n_tasks, found.raw.over) == (False, 16, "seeds")
    assert found.standardised is not None
    assert found.standardised.value == pytest.approx(2 * found.raw.value)
    assert across_tasks(scores, pair, scale_t=np.zeros(16), rng=rng).standardised is None
    one = across_tasks(scores[:1], pair, rng=rng)
    assert (one.raw.se, one.raw.p, one.few) == (None, None, True)
    with pytest.raises(HarnessError, match="at least one task"):
        across_tasks(np.empty((0, 6)), pair, rng=rng)
    with pytest.raises(HarnessError, match="16 tasks need 16 scales, got 2"):
        across_tasks(scores, pair, scale_t=[1, 1], rng=rng)


def test_hierarchical_bootstrap_agrees() -> None:
    """On 20 tasks with 5 seeds its interval is that of `across_tasks`, but for resampling."""
    rng = np.random.default_rng(8)
    seed = rng.normal(0, 0.02, 10)
    tables = [
        mean_contributions(rng.normal(0.1 * rng.normal(), 1, (50, 10)) * 0.5 + seed + np.repeat([0.1, 0], 5))
        for _ in range(20)
    ]
    pair = make_contrast({s: s for s in range(5)}, {s: 5 + s for s in range(5)}, columns=10)
    found = hierarchical_interval(tables, pair, rng=rng, resamples=2_000)
    across = across_tasks(np.stack([t.value_kd[:, 0] for t in tables]), pair, rng=rng).raw
    assert found is not None
    assert across.interval is not None
    width = across.interval.high - across.interval.low
    assert found.low == pytest.approx(across.interval.low, abs=0.3 * width)
    assert found.high == pytest.approx(across.interval.high, abs=0.3 * width)
    assert hierarchical_interval(tables[:4], pair, rng=rng, resamples=9) is None
    with pytest.raises(HarnessError, match="at least one task"):
        hierarchical_interval([], pair, rng=rng, resamples=9)


def test_ranks_of_a_mean_with_seeds_keep_the_family_wise_error() -> None:
    """Three tied systems, 5 tasks as units, 5 seeds: 29 % errors where the tasks' share was no Student's t."""
    rng = np.random.default_rng(2)
    pairs = [(0, 1), (0, 2), (1, 2)]
    sides = [{s: v * 5 + s for s in range(5)} for v in range(3)]
    contrasts = tuple(make_contrast(sides[a], sides[b], columns=15) for a, b in pairs)
    wrong = 0
    for _ in range(60):
        y = 0.03 * rng.normal(size=(5, 3, 1)) + 0.01 * rng.normal(size=(5, 3, 5)) + 0.003 * rng.normal(size=(1, 3, 5))
        task = JointTask(table=task_contributions(y.reshape(5, -1)), contrasts=contrasts)
        joint = joint_statistics([task], rng=rng, resamples=199)
        wrong += min(p for p in max_t(joint.observed, joint.null) if p is not None) <= 0.05
    assert wrong <= 9  # 3 expected; 17 before
