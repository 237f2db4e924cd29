"""Seeds, draws and examples crossed: the variance of a contrast when all of them are samples.

The population is that of the multi-bootstrap (Sellam et al. 2021, arXiv 2106.16163, section 3): training
seeds and examples are drawn independently, every seed answers every example. Its variance is estimated
without resampling and without the bias of resampling both factors (Owen 2007, Annals of Applied Statistics
1(2), theorem 2: the interaction is counted twice too often) from the mean squares of the crossed layout
(Searle, Casella and McCulloch 1992, Variance Components, ch. 4.4):

    paired seeds   Var = MS(seeds)/S + max(0, Var(examples) - Var(seeds × examples)/S)

The interval is Student's with Satterthwaite's degrees of freedom (1946, Biometrics Bulletin 2, 110-114). The
mean square of seeds enters whole, so where examples add nothing it is the t test over seed means, exact for
normal seeds. A draw of training examples (classification) is a third factor, treated alike.

Shapes: leading axes are free (replicates of a simulation), then u units, s seeds, d draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.units import FloatArray


@dataclass(frozen=True, kw_only=True)
class CrossedLayout:
    """One group of seeds: `value_sd` (..., s, d) its scores, `part_usd` (..., u, s, d) their centred parts."""

    value_sd: FloatArray
    part_usd: FloatArray


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variance of a contrast, by what varies; each array has the free axes of its layout.

    `seeds` holds one mean square / S a group, with `seed_dfs`; it is empty where seeds are not a sample.
    `draws` and `examples` are what those two add to it, never below 0. `interaction` is the part of the variance over
    examples (with seeds and draws as they are) that seeds × examples make.
    """

    value: FloatArray
    seeds: tuple[FloatArray, ...]
    seed_dfs: tuple[int, ...]
    draws: FloatArray
    draw_df: int
    examples: FloatArray
    example_df: int
    interaction: FloatArray

    @property
    def variance(self) -> FloatArray:
        """The variance of the contrast (...)."""
        total: FloatArray = np.sum(self.seeds, axis=0) + self.draws + self.examples
        return total

    @property
    def df(self) -> FloatArray:
        """Satterthwaite's degrees of freedom (...)."""
        return satterthwaite(
            [*self.seeds, self.draws, self.examples], [*self.seed_dfs, max(1, self.draw_df), self.example_df]
        )


def satterthwaite(parts: Sequence[FloatArray], dfs: Sequence[int]) -> FloatArray:
    """Return the degrees of freedom of a sum of variances: (sum w)^2 / sum(w^2 / df), w = v (1 + 2 / df).

    Satterthwaite 1946, eq. 17, has w = v. That counts too many degrees of freedom in just those samples whose
    seeds lie close together by chance: 5.9 % errors at the nominal 5 with 5 seeds and 7.6 with 3, where
    seeds make most of the variance. Weighing a part the more, the fewer its degrees of freedom, keeps the
    error between 4.6 and 5.3 % with 5 seeds (docs/decisions.md). One part alone keeps its own df.
    """
    weights = [part * (1 + 2 / df) for part, df in zip(parts, dfs, strict=True)]
    total = np.sum(weights, axis=0)
    spent = np.sum([w**2 / df for w, df in zip(weights, dfs, strict=True)], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spent > 0, total**2 / spent, np.inf), dtype=np.float64)


def spread(groups: Sequence[CrossedLayout], *, seeds_vary: bool) -> Spread:
    """Estimate the variance of the sum over `groups` of their means over seeds and draws.

    Needs two units; with `seeds_vary` two seeds in each group. With one seed a group and one draw this is the
    cluster-robust variance of a mean.
    """
    units, draws = groups[0].part_usd.shape[-3], groups[0].part_usd.shape[-1]
    small = units / (units - 1)
    value_d = np.sum([g.value_sd.mean(axis=-2) for g in groups], axis=0)  # (..., d)
    part_ud = np.sum([g.part_usd.mean(axis=-2) for g in groups], axis=0)  # (..., u, d)
    raw = small * (part_ud.mean(axis=-1) ** 2).sum(axis=-1)
    by_draw = small * (part_ud**2).sum(axis=-2).mean(axis=-1)
    draw_example = (by_draw - raw) / (draws - 1) if draws > 1 else np.zeros_like(raw)
    of_draws = value_d.var(axis=-1, ddof=1) / draws if draws > 1 else np.zeros_like(raw)
    seed_terms, seed_dfs, interaction = [], [], np.zeros_like(raw)
    if seeds_vary:
        for g in groups:
            seeds = g.value_sd.shape[-2]
            seed_terms.append(g.value_sd.mean(axis=-1).var(axis=-1, ddof=1) / seeds)
            seed_dfs.append(seeds - 1)
            of_draws = of_draws - _seed_draw(g.value_sd) / (seeds * draws)
            interaction = interaction + _seed_example(g.part_usd) * small / seeds
    return Spread(
        value=value_d.mean(axis=-1), seeds=tuple(seed_terms), seed_dfs=tuple(seed_dfs),
        draws=np.maximum(0.0, of_draws), draw_df=draws - 1,
        examples=np.maximum(0.0, raw - draw_example - interaction), example_df=units - 1, interaction=interaction,
    )  # fmt: skip


def _seed_draw(value_sd: FloatArray) -> FloatArray | float:
    """Return the mean square of seeds × draws, 0 where there is one draw."""
    seeds, draws = value_sd.shape[-2:]
    if draws == 1:
        return 0.0
    rest = value_sd - value_sd.mean(axis=-1, keepdims=True)
    rest = rest - rest.mean(axis=-2, keepdims=True)
    square: FloatArray = (rest**2).sum(axis=(-1, -2)) / ((seeds - 1) * (draws - 1))
    return square


def _seed_example(part_usd: FloatArray) -> FloatArray:
    """Return the sum over units of the variance over seeds, freed of the share that seeds × draws × examples add."""
    draws = part_usd.shape[-1]
    averaged: FloatArray = part_usd.mean(axis=-1).var(axis=-1, ddof=1).sum(axis=-1)
    if draws == 1:
        return averaged
    single = part_usd.var(axis=-2, ddof=1).sum(axis=-2).mean(axis=-1)
    return averaged - (single - averaged) / (draws - 1)
