"""Contrasts of several contrasts: by hand, and their error rate where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.stats.contrast import Contrast, make_contrast, over_replicates, within_replicates
from harness.stats.contributions import mean_contributions
from harness.stats.effects import crossed_effect
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t

RIGHT = np.array(
    [  # a1 a0 b1 b0: two variants on base a, two on base b
        [1, 0, 1, 0],
        [1, 1, 1, 0],
        [0, 0, 1, 0],
        [1, 0, 0, 1],
        [1, 1, 1, 1],
        [0, 1, 1, 0],
    ],
    dtype=float,
)


def _difference(columns: int = 4) -> Contrast:
    on = {base: make_contrast({None: i}, {None: i + 1}, columns=columns) for base, i in (("a", 0), ("b", 2))}
    return within_replicates([(1.0, {"b": on["b"]}), (-1.0, {"a": on["a"]})])


def test_an_interaction_of_four_systems_by_hand() -> None:
    """(b1 − b0) − (a1 − a0), example by example: 0, 1, 1, -2, 0, 2; mean 1/3 and its standard error by the textbook."""
    parts = np.array([0.0, 1.0, 1.0, -2.0, 0.0, 2.0])
    assert ((RIGHT[:, 2] - RIGHT[:, 3]) - (RIGHT[:, 0] - RIGHT[:, 1]) == parts).all()
    contrast = _difference()
    assert contrast.weight_k.tolist() == [-1, 1, 1, -1]
    assert (contrast.n_seeds, contrast.seeds_vary) == (1, False)
    found = crossed_effect(mean_contributions(RIGHT), contrast.fixed())
    assert found.value == pytest.approx(1 / 3)
    assert found.se == pytest.approx(np.std(parts, ddof=1) / np.sqrt(6))


def test_replicates_are_averaged_and_can_be_a_sample() -> None:
    """Three bases on one level, two on the other, no example differs: Welch's t test over the bases' differences."""
    rng = np.random.default_rng(0)
    gain = np.array([0.1, 0.2, 0.4, 0.35, 0.6])
    values = np.repeat(np.stack([gain, np.zeros(5)], axis=1).reshape(1, 10), 8, axis=0)  # no example differs
    values = values + rng.normal(size=(8, 1))  # what makes an example hard for all
    on = [make_contrast({None: 2 * i}, {None: 2 * i + 1}, columns=10) for i in range(5)]
    levels = [(1.0, {f"deep-{i}": on[i] for i in (3, 4)}), (-1.0, {f"wide-{i}": on[i] for i in range(3)})]
    over, within = over_replicates(levels), within_replicates(levels)
    assert over.weight_k == pytest.approx(within.weight_k)
    assert over.weight_k[:2] == pytest.approx([-1 / 3, 1 / 3])
    assert ([len(g.seeds) for g in over.groups], over.n_seeds, within.n_seeds) == ([2, 3], 2, 1)
    found = crossed_effect(mean_contributions(values), over)
    wide, deep = gain[:3], gain[3:]
    assert found.value == pytest.approx(deep.mean() - wide.mean())
    assert found.se == pytest.approx(np.sqrt(deep.var(ddof=1) / 2 + wide.var(ddof=1) / 3))
    assert found.over == "seeds"


def test_training_seeds_within_bases_that_stand() -> None:
    """Each base's training seeds are a sample of their own; the mean of two bases has a quarter of their variances."""
    on = {
        base: make_contrast({s: 6 * b + s for s in range(3)}, {s: 6 * b + 3 + s for s in range(3)}, columns=12)
        for b, base in enumerate("ab")
    }
    score = np.random.default_rng(1).normal(size=12)
    table = mean_contributions(np.repeat(score[None, :], 5, axis=0))
    within = within_replicates([(1.0, on)])
    assert [group.seeds[0] for group in within.groups] == [("a", 0), ("b", 0)]
    assert within.n_seeds == 3
    by_seed = [score[6 * b : 6 * b + 3] - score[6 * b + 3 : 6 * b + 6] for b in range(2)]
    found = crossed_effect(table, within)
    assert found.value == pytest.approx(np.mean(by_seed))
    assert found.se == pytest.approx(np.sqrt(sum(d.var(ddof=1) / 3 for d in by_seed) / 4))


def _p_values(rng: np.random.Generator, *, planted: float, replicates: int, of_bases: float) -> list[float | None]:
    """A family of 2 steps × 2 levels × 2 tasks on made-up scores, of which one interaction is `planted`.

    A step's true effect is the same on all levels, but differs between bases of a level by `of_bases`.
    """
    levels, steps, units = 3, 2, 60
    k = levels * replicates * (steps + 1)
    tasks = []
    for task in range(2):
        value = rng.normal(size=(units, 1)) + rng.normal(size=(units, k))
        column = np.arange(k).reshape(levels, replicates, steps + 1)
        for step in range(1, steps + 1):
            gain = 0.3 + of_bases * rng.normal(size=(levels, replicates))
            if task == 0 and step == 1:
                gain[2] += planted
            for level in range(levels):
                for base in range(replicates):
                    value[:, column[level, base, step]] += gain[level, base]
        contrasts = []
        for step in range(1, steps + 1):
            on = [
                {
                    f"{level}-{base}": make_contrast(
                        {None: column[level, base, step]}, {None: column[level, base, 0]}, columns=k
                    )
                    for base in range(replicates)
                }
                for level in range(levels)
            ]
            for level in (1, 2):
                made = over_replicates if replicates >= 5 else within_replicates
                found = made([(1.0, on[level]), (-1.0, on[0])])
                contrasts.append(found if replicates >= 5 else found.fixed())
        tasks.append(JointTask(table=mean_contributions(value), contrasts=tuple(contrasts)))
    joint = joint_statistics(tasks, rng=rng, resamples=400)
    return max_t(joint.observed, joint.null)


@pytest.mark.parametrize(("replicates", "of_bases"), [(1, 0.0), (5, 0.3)])
def test_no_interaction_is_found_where_there_is_none_and_a_planted_one_is(replicates: int, of_bases: float) -> None:
    """Family-wise errors in at most 5 % of 200 families (8 tests each), but for the chance of the simulation.

    Five bases a level that differ in what a step does to them are a sample: the error holds for new ones too.
    """
    rng = np.random.default_rng([replicates, 20])
    wrong = sum(
        min(p for p in _p_values(rng, planted=0.0, replicates=replicates, of_bases=of_bases) if p is not None) <= 0.05
        for _ in range(200)
    )
    assert wrong <= stats.binom.ppf(0.99, 200, 0.05)
    found = [_p_values(rng, planted=1.8, replicates=replicates, of_bases=of_bases) for _ in range(20)]
    assert sum(p[1] is not None and p[1] <= 0.05 for p in found) >= 16


def test_bases_that_stand_are_no_claim_about_others() -> None:
    """The same bases, taken as they are, give errors far above 5 % about new ones: what the sample of five is for."""
    rng = np.random.default_rng(3)
    wrong = sum(
        min(p for p in _p_values(rng, planted=0.0, replicates=1, of_bases=0.5) if p is not None) <= 0.05
        for _ in range(60)
    )
    assert wrong >= 20
