"""Average precision: its influence function against scikit-learn's value, and the error rate of its test."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from harness.errors import HarnessError
from harness.stats.contrast import make_contrast
from harness.stats.contributions import correlation_contributions
from harness.stats.effects import smooth_effects
from harness.stats.influence import influence


def world(rng: np.random.Generator, n: int = 120, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Two systems of equal skill whose errors are shared in part."""
    gold = (rng.random(n) < 0.3).astype(float)
    shared = rng.normal(size=n)
    scores = gold[:, None] + 0.8 * shared[:, None] + 0.6 * rng.normal(size=(n, 2))
    return gold, np.round(scores, 1 if ties else 9)


@pytest.mark.parametrize("ties", [False, True])
def test_values_are_scikit_learns(ties: bool) -> None:
    gold, scores = world(np.random.default_rng(1), ties=ties)
    wanted = [average_precision_score(gold, column) for column in scores.T]
    table = correlation_contributions(gold, scores, kind="average_precision")
    np.testing.assert_allclose(table.value_kd[:, 0], wanted, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_an_influence_is_how_far_the_value_moves_with_an_examples_weight(ties: bool) -> None:
    gold, scores = world(np.random.default_rng(4), n=40, ties=ties)
    _, pull = influence(gold, scores, kind="average_precision")
    for i in range(len(gold)):
        weight, step = np.ones(len(gold)), 1e-6
        weight[i] += step
        moved = average_precision_score(gold, scores[:, 0], sample_weight=weight)
        derivative = (moved - average_precision_score(gold, scores[:, 0])) / step
        assert pull[i, 0] / len(gold) == pytest.approx(derivative, abs=1e-5)


def test_a_gold_standard_that_is_not_0_and_1_is_refused() -> None:
    for gold in (np.array([1.0, 1.0, 1.0]), np.array([0.0, 2.0, 1.0])):
        with pytest.raises(HarnessError, match="gold scores of 0 and 1"):
            correlation_contributions(gold, np.ones((3, 1)), kind="average_precision")


@pytest.mark.slow
def test_two_equal_systems_are_told_apart_one_time_in_twenty() -> None:
    """Pairs in units of three, as pairs that share a text are: counted singly they err four times as often."""
    contrast, rejected, worlds = make_contrast({None: 0}, {None: 1}, columns=2), 0, 400
    for seed in range(worlds):
        rng = np.random.default_rng([7, seed])
        units = np.repeat(np.arange(600), 3)
        gold, scores = (each[units] for each in world(rng, n=600))
        scores += 0.3 * rng.normal(size=(1800, 2))
        table = correlation_contributions(gold, scores, kind="average_precision", units=units)
        [found] = smooth_effects(table, [contrast])
        rejected += found.p is not None and found.p <= 0.05
    assert 0.03 <= rejected / worlds <= 0.08
