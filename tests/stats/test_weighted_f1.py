"""Weighted F1: what each example adds against scikit-learn's value, and the error rate of its test."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from harness.stats.contrast import make_contrast
from harness.stats.contributions import mean_contributions
from harness.stats.effects import mean_effects
from harness.stats.influence import weighted_f1_parts


def world(rng: np.random.Generator, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Two systems of equal skill that look for translations: what they take wrongly is often the same few texts."""
    hard, often = rng.normal(size=n), rng.pareto(1.5, size=n)
    right = hard[:, None] + rng.normal(size=(n, 2)) < 0.7
    wrong = rng.choice(n, (n, 2), p=often / often.sum())
    return np.arange(n), np.where(right, np.arange(n)[:, None], wrong)


@pytest.mark.parametrize("classes", [200, 7])
def test_the_mean_is_scikit_learns(classes: int) -> None:
    gold, said = (each % classes for each in world(np.random.default_rng(1)))
    wanted = [f1_score(gold, column, average="weighted", zero_division=0) for column in said.T]
    np.testing.assert_allclose(weighted_f1_parts(gold, said).mean(axis=0), wanted, atol=1e-12)


@pytest.mark.parametrize("classes", [40, 5])
def test_a_part_is_how_far_the_value_moves_with_an_examples_weight(classes: int) -> None:
    gold, said = (each % classes for each in world(np.random.default_rng(4), n=40))
    part = weighted_f1_parts(gold, said)[:, 0]
    value = f1_score(gold, said[:, 0], average="weighted", zero_division=0)
    for i in range(len(gold)):
        weight, step = np.ones(len(gold)), 1e-6
        weight[i] += step
        moved = f1_score(gold, said[:, 0], average="weighted", zero_division=0, sample_weight=weight)
        assert (part[i] - value) / len(gold) == pytest.approx((moved - value) / step, abs=1e-5)


@pytest.mark.slow
def test_two_equal_systems_are_told_apart_one_time_in_twenty() -> None:
    contrast, rejected, worlds = make_contrast({None: 0}, {None: 1}, columns=2), 0, 600
    for seed in range(worlds):
        rng = np.random.default_rng([8, seed])
        [found] = mean_effects(mean_contributions(weighted_f1_parts(*world(rng))), [contrast], rng=rng, resamples=500)
        rejected += found.p is not None and found.p < 0.05
    assert 0.02 < rejected / worlds < 0.075
