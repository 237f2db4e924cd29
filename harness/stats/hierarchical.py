"""A hierarchical model of differences over tasks, seeds and examples: an optional extra, beside the tests.

In points, task t (which shares data d) and training seed s:

    difference_ts = mean + of_data_d + of_task_t + of_seed_s + rest_ts + examples_t + examples_ts

The examples' variances are known from the data. `examples_t` is what all seeds share, for they answer the same
examples. The others are normal with a standard deviation of their own. Priors, weak on a scale of points: mean
Normal(0, 50); standard deviations of tasks and of data half-normal(20), of seeds and of the rest half-normal(2).

All normal effects are integrated out: by an orthogonal change of seeds the differences fall into their mean over seeds
and independent contrasts. NUTS (numpyro) samples the mean and the standard deviations alone; the tasks follow exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

from harness.errors import HarnessError
from harness.stats.units import FloatArray

MEAN_SD, TASK_SD, SEED_SD = 50.0, 20.0, 2.0  # of the priors, in points
_CHAINS, _DRAWS = 4, 1_000
_CELLS = 1 << 22  # of the tasks' covariances at a time: about 32 MB each
_ACCEPT = (0.95, 0.995)  # the second where the first does not converge
MAX_R_HAT, LEAST_DRAWS = 1.01, 400.0  # r-hat and the effective number of draws (Vehtari et al. 2021)
INSTALL = "pip install -e '.[bayes]'"


@dataclass(frozen=True, kw_only=True)
class SeedDifferences:
    """Differences `point_ts` (tasks, seeds) in points, and what is known of their variance.

    `shared_t` is the variance by examples that all seeds have in common, `single_t` what examples add to each seed;
    `data_t` numbers the data, which tasks may share. Where nothing was trained there is one column and no `trained`.
    """

    point_ts: FloatArray
    shared_t: FloatArray
    single_t: FloatArray
    data_t: NDArray[np.intp]
    trained: bool

    @property
    def scales(self) -> dict[str, float]:
        """The standard deviations that the model has here, by name, with the scales of their priors."""
        shared = len(set(self.data_t.tolist())) < len(self.data_t)
        of_data = {"data": TASK_SD} if shared else {}
        of_seeds = {"seed": SEED_SD, "rest": SEED_SD} if self.trained else {}
        return {"task": TASK_SD} | of_data | of_seeds


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """The posterior of an effect in points: median, 95 % interval, P(effect > 0) and P(|effect| < margin)."""

    median: float
    low: float
    high: float
    above: float
    negligible: float

    @classmethod
    def of(cls, draws: FloatArray, *, margin: float) -> Posterior:
        """Summarise draws."""
        low, median, high = (float(q) for q in np.quantile(draws, (0.025, 0.5, 0.975)))
        return cls(
            median=median, low=low, high=high, above=float(np.mean(draws > 0)),
            negligible=float(np.mean(np.abs(draws) < margin)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of the posterior: of each scalar (draws,) by name, "mean" among them, and of the tasks' effects (draws, t).

    `r_hat`, `effective` and `divergences` are the worst of the scalars and the number of the sampler's failures.
    """

    scalars: Mapping[str, FloatArray]
    task: FloatArray
    r_hat: float
    effective: float
    divergences: int

    @property
    def converged(self) -> bool:
        """Whether the draws may be read."""
        return self.divergences == 0 and self.r_hat <= MAX_R_HAT and self.effective >= LEAST_DRAWS


def sample_posterior(data: SeedDifferences, *, seed: int = 0) -> Draws:
    """Draw from the posterior, the same draws for the same seed.

    Raises HarnessError without numpyro, and where the draws do not converge.
    """
    for accept in _ACCEPT:
        found = _draw(data, accept=accept, seed=seed)
        if found.converged:
            return found
    raise HarnessError(
        f"the hierarchical model did not converge (r-hat {found.r_hat:.3f}, {found.divergences} divergences, "
        f"{found.effective:.0f} effective draws), so nothing is shown; the tests do not depend on it"
    )


def _draw(data: SeedDifferences, *, accept: float, seed: int) -> Draws:
    jax, _ = _libraries()
    from numpyro.diagnostics import summary

    with jax.enable_x64(True):
        chains = _sampler(tuple(data.scales.items()), accept)
        drawn, diverging = chains(jax.random.split(jax.random.PRNGKey(seed), _CHAINS), *rotated(data))
    grouped = {name: np.asarray(x, dtype=np.float64) for name, x in drawn.items()}
    grouped = {name: x if name == "mean" else np.exp(x) for name, x in grouped.items()}  # the sampler moves logarithms
    checks = summary(grouped, group_by_chain=True).values()
    scalars = {name: x.reshape(-1) for name, x in grouped.items()}
    return Draws(
        scalars=scalars, task=task_effects(data, scalars, rng=np.random.default_rng(seed)),
        r_hat=max(float(c["r_hat"]) for c in checks), effective=min(float(c["n_eff"]) for c in checks),
        divergences=int(np.sum(np.asarray(diverging))),
    )  # fmt: skip


def task_effects(data: SeedDifferences, scalars: Mapping[str, FloatArray], *, rng: np.random.Generator) -> FloatArray:
    """Draw the true effect of every task (draws, t), given draws of the scalars: normal, so without a sampler.

    What is drawn from the prior is moved by what the differences say against what it would have made (Matheron).
    """
    draws = len(scalars["mean"])
    some = max(1, _CELLS // len(data.point_ts) ** 2)
    pieces = [slice(start, start + some) for start in range(0, draws, some)]
    return np.concatenate([_effects(data, {k: x[rows] for k, x in scalars.items()}, rng=rng) for rows in pieces])


def _effects(data: SeedDifferences, scalars: Mapping[str, FloatArray], *, rng: np.random.Generator) -> FloatArray:
    mean_t, same = data.point_ts.mean(axis=1), data.data_t[:, None] == data.data_t
    draws, tasks, seeds = len(scalars["mean"]), *data.point_ts.shape
    none = np.zeros(draws)
    task, of_data, of_seed, rest = (scalars.get(name, none)[:, None] for name in ("task", "data", "seed", "rest"))
    _, first = np.unique(data.data_t, return_inverse=True)
    effect = scalars["mean"][:, None] + task * rng.normal(size=(draws, tasks))
    effect = effect + of_data * rng.normal(size=(draws, int(first.max()) + 1))[:, first]
    single = data.shared_t + (data.single_t + rest**2) / seeds
    noise = np.sqrt(single) * rng.normal(size=(draws, tasks)) + of_seed / np.sqrt(seeds) * rng.normal(size=(draws, 1))
    prior = task[:, :, None] ** 2 * np.eye(tasks) + of_data[:, :, None] ** 2 * same
    total = prior + single[:, :, None] * np.eye(tasks) + of_seed[:, :, None] ** 2 / seeds
    gain = np.linalg.solve(total, (mean_t - effect - noise)[:, :, None])
    moved: FloatArray = effect + (prior @ gain)[:, :, 0]
    return moved


def rotated(data: SeedDifferences) -> tuple[FloatArray, ...]:
    """Return the means over seeds (t,), the contrasts of seeds (s - 1, t), and what is known of their covariance.

    The last array (t, d) has a column for each data set that several tasks share, 1 for its tasks.
    """
    seeds = data.point_ts.shape[1]
    contrasts = helmert(seeds) @ data.point_ts.T if seeds > 1 else np.zeros((0, len(data.point_ts)))
    shared = [code for code in np.unique(data.data_t) if np.sum(data.data_t == code) > 1]
    of_data = (data.data_t[:, None] == np.array(shared, dtype=np.intp)).astype(np.float64)
    return data.point_ts.mean(axis=1), contrasts, data.shared_t, data.single_t, of_data


def covariances(
    sd: Mapping[str, Any], shared_t: Any, single_t: Any, of_data: Any, *, seeds: int, array: Any
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the covariance of the means over seeds, and that of each contrast of seeds; `sd` has names as `scales`.

    Each is a factor (t, k) times its transpose, plus a diagonal (t,). `array` is numpy, or jax's twin of it.
    """
    of_seed, single = sd.get("seed", 0.0), single_t + sd.get("rest", 0.0) ** 2
    one, between = array.ones((len(shared_t), 1)), sd.get("data", 0.0)
    alone = between**2 * (1 - of_data.sum(axis=1))
    factor = array.concatenate([one * of_seed / seeds**0.5, of_data * between], axis=1)
    return (factor, sd["task"] ** 2 + alone + shared_t + single / seeds), (one * of_seed, single)


@lru_cache(maxsize=8)
def _sampler(scales: tuple[tuple[str, float], ...], accept: float) -> Any:
    """Return NUTS for a model with these standard deviations: all chains, compiled once for each shape of data."""
    jax, numpyro = _libraries()
    import jax.numpy as jnp
    from numpyro import distributions as dist
    from numpyro.infer.hmc import hmc
    from numpyro.infer.util import potential_energy
    from numpyro.util import fori_collect

    def model(mean_t: Any, contrast_st: Any, *known: Any) -> None:
        mean = numpyro.sample("mean", dist.Normal(0.0, MEAN_SD))
        sd = {name: numpyro.sample(name, dist.HalfNormal(scale)) for name, scale in scales}
        of_means, of_contrasts = covariances(sd, *known, seeds=len(contrast_st) + 1, array=jnp)
        of_means = dist.LowRankMultivariateNormal(mean * jnp.ones_like(mean_t), *of_means)
        numpyro.sample("means", of_means, obs=mean_t)
        if len(contrast_st):
            of_contrasts = dist.LowRankMultivariateNormal(jnp.zeros_like(mean_t), *of_contrasts)
            numpyro.sample("contrasts", of_contrasts, obs=contrast_st)

    start, step = hmc(potential_fn_gen=lambda *data: partial(potential_energy, model, data, {}), algo="NUTS")

    def chain(key: Any, *data: Any) -> Any:
        keys = jax.random.split(key, len(scales) + 2)
        names = ("mean", *(name for name, _ in scales))
        at = {name: jax.random.uniform(k, minval=-1.0, maxval=1.0) for name, k in zip(names, keys[1:], strict=True)}
        state = start(
            at, num_warmup=_DRAWS, target_accept_prob=accept, dense_mass=True, model_args=data, rng_key=keys[0]
        )
        return fori_collect(
            _DRAWS, 2 * _DRAWS, lambda now: step(now, model_args=data), state, progbar=False,
            transform=lambda now: (now.z, now.diverging),
        )  # fmt: skip

    return jax.jit(jax.vmap(chain, in_axes=(0, None, None, None, None, None)))


def _libraries() -> tuple[Any, Any]:
    try:
        import jax
        import numpyro
    except ImportError as error:
        raise HarnessError(f"the hierarchical model needs numpyro, which is an extra; install it: {INSTALL}") from error
    return jax, numpyro
