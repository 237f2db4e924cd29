"""The hierarchical model: what is done by formula against the model in full, and what is said without the extra."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.errors import HarnessError
from harness.stats.hierarchical import (
    MEAN_SD,
    TASK_SD,
    SeedDifferences,
    covariances,
    rotated,
    sample_posterior,
    task_effects,
)

SD = {"task": 2.0, "data": 1.5, "seed": 1.2, "rest": 0.7}
MEAN = 0.5


def differences(*, tasks: int = 4, seeds: int = 3) -> SeedDifferences:
    rng = np.random.default_rng(0)
    return SeedDifferences(
        point_ts=rng.normal(1.0, 2.0, (tasks, seeds)),
        shared_t=rng.uniform(0.3, 1.5, tasks),
        single_t=rng.uniform(0.1, 0.8, tasks) * (seeds > 1),
        data_t=np.array([0, 0, *range(1, tasks - 1)]),
        trained=True,
    )


def whole(data: SeedDifferences) -> tuple[np.ndarray, np.ndarray]:
    """The covariance of all effects of tasks, and that of all differences, task by task, written down in full."""
    tasks, seeds = data.point_ts.shape
    same = data.data_t[:, None] == data.data_t
    prior = SD["task"] ** 2 * np.eye(tasks) + SD["data"] ** 2 * same
    ones, one_t = np.ones((seeds, seeds)), np.ones((tasks, tasks))
    total = np.kron(prior + np.diag(data.shared_t), ones) + np.kron(one_t, SD["seed"] ** 2 * np.eye(seeds))
    return prior, total + np.kron(np.diag(data.single_t + SD["rest"] ** 2), np.eye(seeds))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_likelihood_is_that_of_all_differences(seeds: int) -> None:
    """Means and contrasts of seeds are an orthogonal change but for a factor of sqrt(seeds) in the means."""
    data = differences(seeds=seeds)
    _, total = whole(data)
    full = stats.multivariate_normal(np.full(total.shape[0], MEAN), total).logpdf(data.point_ts.ravel())
    mean_t, contrast_st, *known = rotated(data)
    both = covariances(SD, *known, seeds=seeds, array=np)
    of_means, of_contrasts = (factor @ factor.T + np.diag(diagonal) for factor, diagonal in both)
    found = stats.multivariate_normal(np.full(4, MEAN), of_means).logpdf(mean_t) - 4 * np.log(seeds) / 2
    found += sum(stats.multivariate_normal(np.zeros(4), of_contrasts).logpdf(row) for row in contrast_st)
    assert found == pytest.approx(full)


@pytest.mark.parametrize("seeds", [1, 3])
def test_effects_of_tasks_follow_from_all_differences(seeds: int) -> None:
    data, count = differences(seeds=seeds), 40_000
    prior, total = whole(data)
    known = np.linalg.solve(total, np.kron(prior, np.ones((1, seeds))).T).T
    expected = MEAN + known @ (data.point_ts.ravel() - MEAN)
    left = prior - known @ np.kron(prior, np.ones((1, seeds))).T
    scalars = {name: np.full(count, value) for name, value in (SD | {"mean": MEAN}).items()}
    draws = task_effects(data, scalars, rng=np.random.default_rng(1))
    assert draws.mean(axis=0) == pytest.approx(expected, abs=5 * np.sqrt(left.max() / count))
    assert np.cov(draws.T) == pytest.approx(left, abs=0.03 * left.max())


def test_only_what_the_data_have_is_in_the_model() -> None:
    data = differences()
    assert list(data.scales) == ["task", "data", "seed", "rest"]
    assert list(replace(data, data_t=np.arange(4)).scales) == ["task", "seed", "rest"]
    assert list(replace(data, trained=False).scales) == ["task", "data"]


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpyro", None)
    with pytest.raises(HarnessError, match=r"needs numpyro, .*pip install -e '\.\[bayes\]'"):
        sample_posterior(differences())


@pytest.mark.slow
def test_draws_are_the_same_for_a_seed_and_agree_with_a_grid() -> None:
    """Nothing trained, no data shared: the mean's posterior by integration over a grid of its two scalars."""
    data = replace(differences(tasks=8, seeds=1), data_t=np.arange(8), trained=False)
    first, again = (sample_posterior(data, seed=3) for _ in range(2))
    assert (first.scalars["mean"] == again.scalars["mean"]).all()
    assert (first.task == again.task).all()
    mean, task = np.meshgrid(np.linspace(-12, 15, 541), np.linspace(0.005, 30, 600), indexing="ij")
    sd = np.sqrt(task[..., None] ** 2 + data.shared_t)
    log = stats.norm.logpdf(data.point_ts[:, 0], mean[..., None], sd).sum(axis=-1)
    log += stats.norm.logpdf(mean, 0, MEAN_SD) + stats.halfnorm.logpdf(task, 0, TASK_SD)
    weight = np.exp(log - log.max()).sum(axis=1)
    exact = np.interp((0.025, 0.5, 0.975), np.cumsum(weight) / weight.sum(), mean[:, 0])
    assert np.quantile(first.scalars["mean"], (0.025, 0.5, 0.975)) == pytest.approx(exact, abs=0.15)
