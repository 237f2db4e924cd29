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

from harness.stats.midranks import mid_rank_correlation
from harness.stats.units import FloatArray

Outcome = Literal["accuracy", "score", "spearman"]
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_POPULATION = 100_000


@dataclass(frozen=True, kw_only=True)
class World:
    """Two systems on one task; standard deviations are latent. `units` below `examples` makes clusters.

    `system` is the standard deviation of system × unit, `noise` that of seed × example: with one seed the two
    are one thing. `draw` is that of system × draw, where `draws` > 1.
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
    level: float = 0.8  # the systems' skill: how far the latent mean lies above 0, or the slope on gold


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One simulated data set: `first` and `second` (examples, seeds, draws); gold only for Spearman tasks."""

    first: FloatArray
    second: FloatArray
    gold: FloatArray | None
    unit: np.ndarray


def sample(world: World, *, shift: float = 0.0, rng: np.random.Generator) -> Sample:
    """Draw one data set; `shift` is added to the first system's skill (`truth` says what that is worth)."""
    unit = np.arange(world.examples) % world.units
    gold = _gold(world, rng) if world.outcome == "spearman" else None
    shared = rng.normal(0, world.shared, world.units)[unit][:, None, None]
    sides = []
    for extra in (shift, 0.0):
        skill = world.level + extra + rng.normal(0, world.seed, world.seeds)[None, :, None]
        latent = shared + rng.normal(0, world.system, world.units)[unit][:, None, None]
        latent = latent + (skill if gold is None else skill * gold[:, None, None])
        if world.draws > 1:
            latent = latent + rng.normal(0, world.draw, world.draws)
        latent = latent + rng.normal(0, world.noise, (world.examples, world.seeds, world.draws))
        sides.append((latent > 0).astype(np.float64) if world.outcome == "accuracy" else latent)
    return Sample(first=sides[0], second=sides[1], gold=gold, unit=unit)


def truth(world: World, *, shift: float) -> float:
    """Return the true difference of the two systems over examples, seeds and draws."""
    if world.outcome == "score":
        return shift
    if world.outcome == "accuracy":
        spread = np.sqrt(world.shared**2 + world.system**2 + world.seed**2 + world.draw**2 + world.noise**2)
        return float(stats.norm.cdf((world.level + shift) / spread) - stats.norm.cdf(world.level / spread))
    if shift == 0:
        return 0.0
    rng = np.random.default_rng(0)
    gold = _gold(world, rng, n=_POPULATION)
    rest = rng.normal(0, np.sqrt(world.shared**2 + world.system**2 + world.noise**2), _POPULATION)
    weights = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()
    nodes = zip(_NODES * world.seed, weights, strict=True) if world.seed > 0 else [(0.0, 1.0)]
    return float(
        sum(
            w * (_rho(gold, world.level + shift + node, rest) - _rho(gold, world.level + node, rest))
            for node, w in nodes
        )
    )


def shift_for(world: World, effect: float) -> float:
    """Return the shift of skill that makes a true difference of `effect`, by bisection."""
    low, high = 0.0, 0.5
    while truth(world, shift=high) < effect and high < 64:
        low, high = high, 2 * high
    for _ in range(10 if world.outcome == "spearman" else 40):
        middle = (low + high) / 2
        low, high = (middle, high) if truth(world, shift=middle) < effect else (low, middle)
    return (low + high) / 2


def _rho(gold: FloatArray, slope: float, rest: FloatArray) -> float:
    return mid_rank_correlation(gold, slope * gold + rest)


def _gold(world: World, rng: np.random.Generator, *, n: int | None = None) -> FloatArray:
    gold = rng.normal(size=world.examples if n is None else n)
    return np.round(gold * 1.5) / 1.5 if world.ties else gold
