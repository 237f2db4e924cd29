"""Sequential looks: the limits, what is refused, and the error over all looks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.api import describe
from harness.calibration.looks import LooksCase
from harness.calibration.population import Population
from harness.cli.comparison import comparison_as_json
from harness.compare import compare
from harness.compare.looks import at_look
from harness.compare.results import Comparison
from harness.compare.wording import look_of
from harness.errors import HarnessError
from harness.stats.looks import spent
from tests.compare.kit import FEW, labelled, store_of


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Seven seeds of bidir, better by 2 to 14 of 200 examples, against causal."""
    right = np.arange(200)
    results = {("causal", None): [labelled("T", right < 100)]}
    results |= {("bidir", s): [labelled("T", right < 100 + gain)] for s, gain in enumerate((4, 14, 2, 8, 14, 2, 9))}
    store = store_of(tmp_path_factory.mktemp("looks"), results)
    return compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)


def with_p(compared: Comparison, p: float) -> Comparison:
    return replace(compared, tasks=tuple(replace(task, p=p, p_adjusted=p) for task in compared.tasks))


@pytest.mark.parametrize("looks", [(5, 10), (5, 7, 10), (6, 8, 10, 12), (5, 6, 7, 8, 9, 10)])
def test_what_is_spent_is_alpha_and_little_at_first(looks: tuple[int, ...]) -> None:
    shares = spent(looks, alpha=0.05)
    assert 0.049 < sum(shares) <= 0.05
    assert shares[0] == min(shares)
    z = stats.norm.isf(0.025)
    assert shares[0] == pytest.approx(2 * stats.norm.sf(z / np.sqrt(looks[0] / looks[-1])), rel=0.01)


def test_the_error_over_all_looks_of_a_t_test() -> None:
    """Student's t at 5, 7 and 10 normal seeds, 20,000 studies: by the rule at most 5 %, at 5 % each look 10 %."""
    seeds = np.random.default_rng(0).normal(size=(20_000, 10))
    p = np.stack([stats.ttest_1samp(seeds[:, :n], 0.0, axis=1).pvalue for n in (5, 7, 10)], axis=1)
    error = np.mean((p <= spent((5, 7, 10), alpha=0.05)).any(axis=1))
    assert 0.03 < error <= 0.05
    assert np.mean((p <= 0.05).any(axis=1)) > 0.09


def test_the_error_over_all_looks_at_seeds_and_examples() -> None:
    population = Population(outcome="accuracy", examples=60, units=60, seeds=10, system=0.3, seed=0.15, noise=0.7)
    case = LooksCase(method="m", design="d", population=population, looks=(5, 7, 10))
    rates = [
        each.measure(replicates=80, resamples=1, rng=np.random.default_rng(1))
        for each in (case, replace(case, spend=False))
    ]
    ruled, plain = (each.type_one.value for each in rates if each.type_one)
    assert ruled <= 0.05 + 3 * 0.025
    assert plain > ruled


def test_a_look_has_its_own_limit(compared: Comparison) -> None:
    """Of p = .028 the second of three looks does not decide, the second of two does."""
    found = with_p(compared, 0.028)
    second = at_look(found, (5, 7, 10))
    assert second.look is not None
    assert (second.look.number, second.alpha, second.look.more) == (2, 0.0135, 3)
    assert [task.verdict for task in second.tasks] == ["undecided"]
    assert second.replicability is not None
    assert second.replicability.at_least == 0
    assert look_of(second) == (
        "Look 2 of 3 (at 5, 7 and 10 seeds): p must be at most .0135. Add 3 seeds, or stop. The intervals are those of "
        "a single test."
    )
    assert look_of(second) in describe(second)
    assert comparison_as_json(second)["look"]["sentence"] == look_of(second)
    assert "(family-wise p ≤ .0135" in describe(second)
    last = at_look(found, (5, 7))
    assert [task.verdict for task in last.tasks] == ["better"]
    assert "Look 2 of 2 (at 5 and 7 seeds): p must be at most .0296. This is the last look." in look_of(last)
    assert [task.p_adjusted for task in last.tasks] == [0.028]
    assert look_of(found) == ""


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ((7,), "two or more growing numbers"),
        ((7, 7), "two or more growing numbers"),
        ((7, 5), "two or more growing numbers"),
        ((3, 7), "the first look has 3 seeds; it needs at least 5"),
        ((5, 6, 10), r"7 training seeds are not one of the declared looks \(5, 6, 10\); train 3 more \(--seeds 10\)"),
        ((5, 6), r"7 training seeds are not one of the declared looks \(5, 6\); a look was left out, or came too late"),
        ((7, 40), "which no family reaches; look later for the first time"),
    ],
)
def test_looks_that_cannot_be(compared: Comparison, looks: tuple[int, ...], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        at_look(compared, looks)


def test_seeds_that_are_no_look(compared: Comparison) -> None:
    [task] = compared.tasks
    untrained = replace(compared, tasks=(replace(task, seeds=(None,)),))
    with pytest.raises(HarnessError, match="looks add training seeds, and neither of bidir and causal has any"):
        at_look(untrained, (5, 7))
    uneven = replace(compared, tasks=(task, replace(task, seeds=(0, 1, 2, 3, 4))))
    with pytest.raises(HarnessError, match=r"need the same seeds on all tasks, and here they differ \(5 and 7 seeds\)"):
        at_look(uneven, (5, 7))
    other = replace(compared, tasks=(replace(task, seeds_against=tuple(range(1, 8))),))
    with pytest.raises(HarnessError, match=r"here they differ \(7 seeds\)"):
        at_look(other, (5, 7))
