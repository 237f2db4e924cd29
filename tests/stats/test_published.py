"""Worked values from the literature, one method each."""

import warnings

import numpy as np
import pytest
from scipy import stats

from harness.errors import HarnessError
from harness.stats.across import across_tasks
from harness.stats.conjunction import one_sided, partial_conjunction_p, replicability
from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions
from harness.stats.equivalence import equivalence_test, non_inferiority_test
from harness.stats.estimate import Estimate
from harness.stats.families import benjamini_hochberg, holm
from harness.stats.letters import compact_letters
from harness.stats.mcnemar import mcnemar_test
from harness.stats.ranks import rank_sets
from harness.stats.welch import welch_test

# Hours of extra sleep under two drugs, Student 1908, "The probable error of a mean", Biometrika 6.
SLEEP_A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# Benjamini and Hochberg 1995, JRSS B 57, section 3.2: 15 p values of a trial on myocardial infarction.
BENJAMINI = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
]  # fmt: skip


def test_welch_on_students_sleep() -> None:
    """R's documented t.test(extra ~ group, sleep): t = -1.8608, df = 17.776, p = 0.07939."""
    found = welch_test(SLEEP_A, SLEEP_B)
    assert (found.t, found.df, found.p) == (
        pytest.approx(-1.8608, abs=5e-5), pytest.approx(17.776, abs=5e-4), pytest.approx(0.07939, abs=5e-6),
    )  # fmt: skip
    assert found.p == pytest.approx(stats.ttest_ind(SLEEP_A, SLEEP_B, equal_var=False).pvalue, abs=1e-12)


def test_mean_over_tasks_on_students_sleep() -> None:
    """R's documented paired t.test on sleep: mean -1.58, interval -2.4598858 to -0.7001142 with 9 df."""
    pair = make_contrast({0: 0}, {0: 1}, columns=2)
    found = across_tasks(np.array([SLEEP_A, SLEEP_B]).T, pair, rng=np.random.default_rng(0))
    assert found.raw.interval is not None
    assert (found.raw.value, found.raw.df) == (pytest.approx(-1.58), pytest.approx(9))
    assert (found.raw.interval.low, found.raw.interval.high) == pytest.approx((-2.4598858, -0.7001142), abs=1e-7)
    # exact: the 9 subjects with a difference all differ to the same side
    assert found.raw.p == 2 / 2**9
    assert (found.n_tasks, found.few, found.standardised) == (10, True, None)


def test_mcnemar_on_bentur() -> None:
    """Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91, table 1: 1 and 7 discordant, p = 0.0703."""
    first = [1] * 1 + [0] * 7 + [1] * 1 + [0] * 12
    second = [0] * 1 + [1] * 7 + [1] * 1 + [0] * 12
    found = mcnemar_test(first, second)
    assert (found.only_first, found.only_second) == (1, 7)
    assert found.p == pytest.approx(0.0703, abs=5e-5)
    from statsmodels.stats.contingency_tables import mcnemar

    assert found.p == pytest.approx(mcnemar([[1, 1], [7, 12]], exact=True).pvalue, abs=1e-12)


def test_benjamini_and_hochbergs_trial() -> None:
    """At 5 % Bonferroni and Holm keep three of the 15 (p <= 0.0019), the false discovery rate four (p <= 0.0095)."""
    from statsmodels.stats.multitest import multipletests

    assert sum(p <= 0.05 for p in holm(BENJAMINI) if p is not None) == 3
    assert sum(p <= 0.05 for p in benjamini_hochberg(BENJAMINI) if p is not None) == 4
    assert benjamini_hochberg(BENJAMINI) == pytest.approx(multipletests(BENJAMINI, method="fdr_bh")[1], abs=1e-12)
    assert benjamini_hochberg([None, 0.02, 0.04]) == [None, 0.04, 0.04]
    assert benjamini_hochberg([]) == []


def lakens() -> Estimate:
    """Lakens 2017, Soc. Psych. Pers. Sci. 8(4): M 5.25, SD .95, n 95 against M 5.22, SD .83, n 89 (Welch)."""
    va, vb = 0.95**2 / 95, 0.83**2 / 89
    df = (va + vb) ** 2 / (va**2 / 94 + vb**2 / 88)
    return Estimate(
        value=0.03, se=float(np.sqrt(va + vb)), df=df, interval=None, p=None, n_examples=184, n_units=184
    )  # fmt: skip


def test_equivalence_on_lakens() -> None:
    """Bounds of d = 0.43: t(182) = -2.69, p = 0.004."""
    margin = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    found = equivalence_test(lakens(), margin=margin)
    assert found == pytest.approx(stats.t.cdf(-2.69, 182), abs=1e-4)
    assert found == pytest.approx(0.004, abs=5e-4)
    not_worse, loss = non_inferiority_test(lakens(), margin=margin)
    assert not_worse == pytest.approx(stats.t.sf((0.03 + margin) / lakens().se, lakens().df), abs=1e-12)
    assert loss == pytest.approx(1 - (not_worse or 0), abs=1e-12)


def test_equivalence_is_statsmodels() -> None:
    from statsmodels.stats.weightstats import ttost_paired

    pair = make_contrast({0: 0}, {0: 1}, columns=2)
    found = across_tasks(np.array([SLEEP_A, SLEEP_B]).T, pair, rng=np.random.default_rng(0)).raw
    oracle = ttost_paired(np.array(SLEEP_A), np.array(SLEEP_B), -2.2, 2.2)
    assert equivalence_test(found, margin=2.2) == pytest.approx(oracle[0], abs=1e-10)


# The example input of the code published with Dror et al. 2017.
DROR = [0.168, 0.297, 0.357, 0.019, 0.218, 0.001]


def test_partial_conjunction_of_drors_example() -> None:
    """By hand, eq. 3: 6 × .001, 5 × .019, 4 × .168."""
    assert partial_conjunction_p(DROR, u=1) == pytest.approx(0.006, abs=1e-12)
    assert partial_conjunction_p(DROR, u=2) == pytest.approx(0.095, abs=1e-12)
    assert partial_conjunction_p(DROR, u=3) == pytest.approx(0.672, abs=1e-12)
    found = replicability([*DROR, None])
    assert (found.at_least, found.n_tasks) == (1, 6)
    assert list(found.p) == sorted(found.p)
    assert replicability([]).at_least == 0
    with pytest.raises(HarnessError, match="between 1 and 6"):
        partial_conjunction_p(DROR, u=7)
    with pytest.raises(HarnessError, match="between 0 and 1"):
        partial_conjunction_p([1.2], u=1)


def test_one_sided_p() -> None:
    assert (one_sided(0.04, 1.0), one_sided(0.04, -1.0), one_sided(None, 1.0)) == (0.02, 0.98, None)


def test_letters_of_chickwts() -> None:
    """The display printed in the guide of R's cld package for pairwise Wilcoxon tests on chickwts."""
    shown = {"casein": "a", "horsebean": "b", "linseed": "bc", "meatmeal": "ac", "soybean": "c", "sunflower": "a"}
    codes = list(shown.values())
    different = [[not set(x) & set(y) for y in codes] for x in codes]
    assert ["".join(sorted(x)) for x in compact_letters(different)] == codes


def test_letters_start_with_the_best() -> None:
    different = np.zeros((3, 3), dtype=bool)
    different[0, 1] = True
    assert compact_letters(different, order=[1, 2, 0]) == ["b", "a", "ab"]
    assert compact_letters(np.zeros((3, 3))) == ["a", "a", "a"]
    assert compact_letters(~np.eye(60, dtype=bool))[52:54] == ["a1", "b1"]
    with pytest.raises(HarnessError, match="square"):
        compact_letters(np.zeros((2, 3)))


def test_letters_say_what_the_table_says() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        table = np.triu(rng.random((7, 7)) < 0.4, 1)
        found = compact_letters(table)
        for i in range(7):
            for j in range(i + 1, 7):
                assert bool(set(found[i]) & set(found[j])) != table[i, j]


def test_rank_sets_by_hand() -> None:
    """Mogstad et al. 2024, eq. 9: 1 + systems shown better to n - systems shown worse."""
    beats = np.zeros((4, 4), dtype=bool)
    beats[0, 2] = beats[0, 3] = beats[1, 3] = True
    assert [(r.low, r.high) for r in rank_sets(beats)] == [(1, 2), (1, 3), (2, 4), (3, 4)]
    beats[3, 0] = True
    with pytest.raises(HarnessError, match="0 and 3 cannot each be better"):
        rank_sets(beats)


def test_more_seeds_than_one_are_needed() -> None:
    assert welch_test([0.5], [0.4, 0.3]).p is None
    assert welch_test([0.5, 0.5], [0.4, 0.4]).p is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert welch_test([0.5, 0.5], [0.4, 0.3]).df == pytest.approx(1)
    with pytest.raises(HarnessError, match="one side has none"):
        welch_test([], [0.1, 0.2])
    with pytest.raises(HarnessError, match="same examples on both sides, got 3 and 2"):
        mcnemar_test([1, 0, 1], [1, 0])
    with pytest.raises(HarnessError, match=r"right \(1\) and wrong \(0\) only"):
        mcnemar_test([0.5, 1], [1, 0])
    assert mcnemar_test([1, 0], [1, 0]).p == 1.0
    assert mean_contributions(np.ones((3, 1))).n_units == 3
