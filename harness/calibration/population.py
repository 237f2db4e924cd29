"""Simulated outcomes with a known truth: what calibration measures the methods on.

Two systems answer the same examples. Latent values are sums of normal effects: of the unit (shared by both
systems, so it cancels), of system × unit, of the training seed, of seed × unit, of the draw, and noise. An
accuracy asks whether the latent value is above 0; a Spearman task correlates it with gold scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from harness.stats.influence import mid_rank_correlation
from harness.stats.units import FloatArray

Outcome = Literal["accuracy", "score", "spearman"]
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_LARGE = 100_000


@dataclass(frozen=True, kw_only=True)
class Population:
    """Two systems on one task; standard deviations are latent. `units` below `examples` makes clusters.

    `system` is the standard deviation of system × unit, `noise` that of seed × example: with one seed the two
    are one thing. `draw` is that of system × draw, where `draws` > 1. `unequal`: a few units are many times as large as
    most. `rare`: of a score the first system gains a little on most examples and loses much on one in ten. `collapse`:
    one training seed in ten lies far below the others, with the same standard deviation.
    """

    outcome: Outcome
    examples: int
    units: int
    seeds: int = 1
    draws: int = 1
    shared: float = 1.0
    system: float = 0.5
    seed: float = 0.0
    noise: float = 1.0
    draw: float = 0.0
    ties: bool = False
    unequal: bool = False
    rare: bool = False
    collapse: bool = False
    level: float = 0.8  # the systems' skill: how far the latent mean lies above 0, or the slope on gold


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One simulated data set: `first` and `second` (examples, seeds, draws); gold only for Spearman tasks."""

    first: FloatArray
    second: FloatArray
    gold: FloatArray | None
    unit: np.ndarray


def sample(population: Population, *, shift: float = 0.0, rng: np.random.Generator) -> Sample:
    """Draw one data set; `shift` is added to the first system's skill (`truth` says what that is worth)."""
    unit = _units(population)
    gold = _gold(population, rng) if population.outcome == "spearman" else None
    shared = rng.normal(0, population.shared, population.units)[unit][:, None, None]
    sides: list[FloatArray] = []
    for extra in (shift, 0.0):
        skill = population.level + extra + _seeds(population, rng)[None, :, None]
        latent = shared + rng.normal(0, population.system, population.units)[unit][:, None, None]
        latent = latent + (skill if gold is None else skill * gold[:, None, None])
        if population.draws > 1:
            latent = latent + rng.normal(0, population.draw, population.draws)
        latent = latent + rng.normal(0, population.noise, (population.examples, population.seeds, population.draws))
        if population.rare and not sides:
            latent = latent + np.where(rng.random(len(unit)) < 0.1, -0.72, 0.08)[:, None, None] * 10
        sides.append((latent > 0).astype(np.float64) if population.outcome == "accuracy" else latent)
    return Sample(first=sides[0], second=sides[1], gold=gold, unit=unit)


def _units(population: Population) -> np.ndarray:
    if not population.unequal:
        return np.arange(population.examples) % population.units
    own = np.random.default_rng(0)  # the same sizes in every sample
    size = own.geometric(0.2, population.units) * np.where(own.random(population.units) < 0.05, 8, 1)
    return np.resize(np.repeat(np.arange(population.units), size), population.examples)


def _seeds(population: Population, rng: np.random.Generator) -> FloatArray:
    if population.collapse:
        return np.asarray(population.seed * (0.1 - (rng.random(population.seeds) < 0.1)) / 0.3, dtype=np.float64)
    return rng.normal(0, population.seed, population.seeds)


def truth(population: Population, *, shift: float) -> float:
    """Return the true difference of the two systems over examples, seeds and draws."""
    if population.outcome == "score":
        return shift
    if population.outcome == "accuracy":
        spread = np.sqrt(
            population.shared**2 + population.system**2 + population.seed**2 + population.draw**2 + population.noise**2
        )
        return float(stats.norm.cdf((population.level + shift) / spread) - stats.norm.cdf(population.level / spread))
    if shift == 0:
        return 0.0
    rng = np.random.default_rng(0)
    gold = _gold(population, rng, n=_LARGE)
    rest = rng.normal(0, np.sqrt(population.shared**2 + population.system**2 + population.noise**2), _LARGE)

    def rho(slope: float) -> float:
        return mid_rank_correlation(gold, slope * gold + rest)

    weights = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
    nodes = zip(_NODES * population.seed, weights, strict=True) if population.seed > 0 else [(0.0, 1.0)]
    return float(sum(w * (rho(population.level + shift + node) - rho(population.level + node)) for node, w in nodes))


def shift_for(population: Population, effect: float) -> float:
    """Return the shift of skill that makes a true difference of `effect`, by bisection."""
    low, high = 0.0, 0.5
    while truth(population, shift=high) < effect and high < 64:
        low, high = high, 2 * high
    for _ in range(10 if population.outcome == "spearman" else 40):
        middle = (low + high) / 2
        low, high = (middle, high) if truth(population, shift=middle) < effect else (low, middle)
    return (low + high) / 2


def _gold(population: Population, rng: np.random.Generator, *, n: int | None = None) -> FloatArray:
    gold = rng.normal(size=population.examples if n is None else n)
    return np.round(gold * 1.5) / 1.5 if population.ties else gold
