"""Leave one out: the numbers, the sentence, and what is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from harness.api import describe
from harness.compare import compare
from harness.compare.results import Comparison
from harness.compare.wording import leave_one_out
from harness.stats.across import across_tasks
from harness.stats.contrast import make_contrast
from harness.stats.leave_out import leave_one_out as without_each
from harness.suites.task import data_of
from tests.compare.kit import FEW, labelled, store_of


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Three seeds of bidir against causal, on three tasks: right on 50 of 100, and on 5, 6 and 7 more."""
    results = {("causal", None): [labelled(name, np.arange(100) < 50) for name in "ABC"]}
    results |= {("bidir", s): [labelled(name, np.arange(100) < 55 + s) for name in "ABC"] for s in range(3)}
    store = store_of(tmp_path_factory.mktemp("without"), results)
    return compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)


def told(compared: Comparison, points: dict[str, float]) -> str:
    """What is said where the tasks differ by these points, one checkpoint against one."""
    values = np.array([[each / 100, 0.0] for each in points.values()])
    pair, units, rng = make_contrast({0: 0}, {0: 1}, columns=2), [data_of(t) for t in points], np.random.default_rng(0)
    across = across_tasks(values, pair, units=units, rng=rng)
    without = without_each(values, pair, tasks=list(points), units=units, sample=False, rng=rng)
    return leave_one_out(replace(compared, across=across, without=without))


def seven(*points: float) -> dict[str, float]:
    return dict(zip("ABCDEFG", points, strict=True))


def test_seeds_leave_one_by_one(compared: Comparison) -> None:
    found, said = compared.without, leave_one_out(compared)
    assert found is not None
    assert [(each.seed, round(each.value, 6)) for each in found.by_seed] == [(0, 0.065), (1, 0.06), (2, 0.055)]
    assert {(each.side, each.p) for each in found.by_seed} == {(None, None)}  # three tasks are not tested
    assert [each.tasks for each in found.by_task] == [("A",), ("B",), ("C",)]
    assert said == (
        "Leave one out: the mean lies between +6.0 and +6.0 points without any one task, between +5.5 and +6.5 points "
        "without any one seed. This is no further test."
    )
    assert f"\n{said}\n" in describe(compared)


def test_a_verdict_that_stands_is_one_line(compared: Comparison) -> None:
    """36 points in all: without a 6 the mean of six is 5.0, without a 4 it is 5.3."""
    assert told(compared, seven(6, 5, 4, 6, 5, 4, 6)) == (
        "Leave one out: the mean lies between +5.0 and +5.3 points without any one task. This is no further test."
    )


def test_the_task_that_changes_the_verdict_is_named(compared: Comparison) -> None:
    """Sign flips of seven units, then of six of one sign (p = 2 / 64)."""
    assert "Without G the mean is +1.5 and better, by its p alone." in told(compared, seven(1, 2, 1, 2, 1, 2, -4))
    said = told(compared, seven(9, 8, 9, 8, 9, -2, 8))
    assert "Without A the mean is +6.7 and no longer better. The same holds without C or E or 3 others." in said


def test_tasks_that_share_data_leave_together(compared: Comparison) -> None:
    said = told(compared, {"WiCLeft": 9, "WiCRight": 9, "A": -1, "B": -1, "C": -2})
    assert "Without WiCLeft and WiCRight the mean is -1.3 and on the other side of 0." in said
    assert told(compared, {"WiCLeft": 9, "WiCRight": 9, "A": -1}) == ""


@pytest.mark.parametrize("seeds", [1, 4, 5])
def test_each_is_the_mean_of_the_rest(seeds: int) -> None:
    """The value and p without a task are those of `across_tasks` on the other tasks; so too with the seeds."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.02, (9, 2 * seeds)) + np.repeat([0.02, 0.0], seeds)
    units = ["a", "a", *"bcdefgh"]
    whole = make_contrast({s: s for s in range(seeds)}, {s: seeds + s for s in range(seeds)}, columns=2 * seeds)
    sample = seeds >= 5
    contrast = whole if sample else whole.fixed()
    found = without_each(values, whole, tasks=[f"T{i}" for i in range(9)], units=units, sample=sample, rng=rng)
    assert [each.tasks for each in found.by_task] == [("T0", "T1"), *((f"T{i}",) for i in range(2, 9))]
    rest = across_tasks(values[2:], contrast, units=units[2:], rng=rng).raw
    assert (found.by_task[0].value, found.by_task[0].p) == pytest.approx((rest.value, rest.p))
    rest = across_tasks(values[:8], contrast, units=units[:8], rng=rng).raw
    assert (found.by_task[-1].value, found.by_task[-1].p) == pytest.approx((rest.value, rest.p))
    assert len(found.by_seed) == (seeds if seeds > 2 else 0)
    if seeds > 2:
        kept = [s for s in range(seeds) if s != 1]
        few = make_contrast({s: s for s in kept}, {s: seeds + s for s in kept}, columns=2 * seeds)
        rest = across_tasks(values, few if sample else few.fixed(), units=units, rng=rng).raw
        assert (found.by_seed[1].value, found.by_seed[1].p) == pytest.approx((rest.value, rest.p))


def test_seeds_of_one_side_are_named() -> None:
    rng = np.random.default_rng(0)
    first, second = {0: 0, 1: 1, 2: 2}, {5: 3, 6: 4, 7: 5, 8: 6}
    whole = make_contrast(first, second, columns=7)
    values = rng.normal(size=(6, 7))
    found = without_each(values, whole, tasks=list("ABCDEF"), units=list("ABCDEF"), sample=False, rng=rng)
    assert [(each.side, each.seed) for each in found.by_seed] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 5),
        (1, 6),
        (1, 7),
        (1, 8),
    ]
    left = values[:, [0, 2]].mean() - values[:, 3:].mean()
    assert found.by_seed[1].value == pytest.approx(left)
