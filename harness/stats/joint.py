"""Many contrasts on many tasks at once: their t statistics, observed and under the null, with their dependence.

Under the null each resample flips the signs of a task's units, the same flips for all contrasts of the task,
and mixes the deviations of seeds with normal weights, the same for all tasks and contrasts on those seeds
(Romano and Wolf 2005, JASA 100, 94-108, section 4: any resampling that keeps the dependence will do; normal
multipliers as in Chernozhukov, Chetverikov and Kato 2013, Annals of Statistics 41(6)). Each statistic is
studentised by its own resampled variance and put on the normal scale by its own degrees of freedom, so that
a contrast with 4 degrees of freedom and one with 2,000 count alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions
from harness.stats.crossed import Layout, Spread, satterthwaite, spread
from harness.stats.effects import contrast_parts, layouts
from harness.stats.signflip import flipped, sign_bits
from harness.stats.units import FloatArray


@dataclass(frozen=True, kw_only=True)
class JointTask:
    """The contrasts that are tested on one task."""

    table: Contributions
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, kw_only=True)
class JointStatistics:
    """Signed normal scores of m hypotheses, in the order of tasks and their contrasts.

    `observed` (m,), NaN where nothing varies; `null` (resamples, m), NaN in the same columns.
    """

    observed: FloatArray
    null: FloatArray


def joint_statistics(
    tasks: Sequence[JointTask], *, rng: np.random.Generator, resamples: int = 10_000
) -> JointStatistics:
    """Return the statistics of all contrasts of all `tasks`, observed and in `resamples` draws from the null."""
    total = sum(len(task.contrasts) for task in tasks)
    observed = np.full(total, np.nan)
    null = np.full((resamples, total), np.nan)
    mixes = _Mixes(rng.spawn(1)[0], resamples)
    start = 0
    for task, own_rng in zip(tasks, rng.spawn(len(tasks)), strict=True):
        stop = start + len(task.contrasts)
        if task.table.n_units > 1:
            observed[start:stop] = _one_task(task, null[:, start:stop], mixes, rng=own_rng)
        start = stop
    return JointStatistics(observed=observed, null=null)


class _Mixes:
    """Normal weights (resamples, s, s) by the names of the seeds they mix: one draw for all that share seeds."""

    def __init__(self, rng: np.random.Generator, resamples: int) -> None:
        self._rng, self._resamples = rng, resamples
        self._of: dict[Hashable, FloatArray] = {}

    def of(self, key: Hashable, size: int) -> FloatArray:
        if key not in self._of:
            self._of[key] = self._rng.normal(size=(self._resamples, size, size))
        return self._of[key]


def _one_task(task: JointTask, null: FloatArray, mixes: _Mixes, *, rng: np.random.Generator) -> FloatArray:
    """Fill `null` (resamples, contrasts) and return the observed statistics (contrasts,)."""
    resamples, m = null.shape
    table = task.table
    part = np.zeros((table.n_units, m))
    found: list[tuple[Spread, list[Layout], Contrast]] = []
    for j, contrast in enumerate(task.contrasts):
        plan = contrast if contrast.seeds_vary else contrast.fixed()
        groups = layouts(table, plan)
        found.append((spread(groups, seeds_vary=contrast.seeds_vary), groups, contrast))
        if contrast.seeds_vary or table.n_draws > 1:
            part[:, j] = np.sum([g.part_usd.mean(axis=(-1, -2)) for g in groups], axis=0)
        else:
            part[:, j] = contrast_parts(table, contrast)
    sums = np.concatenate([flipped(bits, part) for bits in sign_bits(table.n_units, resamples=resamples, rng=rng)])
    square = (part**2).sum(axis=0)
    small = table.n_units / (table.n_units - 1)
    draw_mix = rng.normal(size=(resamples, table.n_draws, table.n_draws)) if table.n_draws > 1 else None
    observed = np.full(m, np.nan)
    for j, (s, groups, contrast) in enumerate(found):
        if float(s.variance) <= 1e-24:
            continue
        observed[j] = normal_score(s.value / np.sqrt(s.variance), s.df)
        # signs move a sum of squares that also holds seeds × examples; only the examples' share is theirs
        kept = float(s.examples) / (square[j] * small) if s.seed_dfs or s.draw_df else 1.0
        number = np.sqrt(kept) * sums[:, j]
        parts: list[FloatArray] = [kept * small * np.maximum(0.0, square[j] - sums[:, j] ** 2 / table.n_units)]
        dfs = [s.example_df]
        if draw_mix is not None and float(s.draws) > 0:
            moved = _mixed(draw_mix, np.sum([g.value_sd.mean(axis=-2) for g in groups], axis=0))
            shrink = float(s.draws) / max(1e-300, _square(groups) / table.n_draws)
            number = number + np.sqrt(shrink) * moved.mean(axis=1)
            parts.append(shrink * moved.var(axis=1, ddof=1) / table.n_draws)
            dfs.append(s.draw_df)
        if s.seed_dfs:
            for g, named in zip(groups, contrast.groups, strict=True):
                seeds = g.value_sd.shape[-2]
                key = ("seeds", named.seeds) if len(groups) == 1 else ("columns", _owner(named.weight_sk))
                moved = _mixed(mixes.of(key, seeds), g.value_sd.mean(axis=-1))
                number = number + moved.mean(axis=1)
                parts.append(moved.var(axis=1, ddof=1) / seeds)
                dfs.append(seeds - 1)
        variance = np.sum(parts, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(variance > 0, number / np.sqrt(variance), 0.0)
        null[:, j] = normal_score(t, satterthwaite(parts, dfs))
    return observed


def _owner(weight_sk: FloatArray) -> tuple[int, ...]:
    """Name an unpaired side by its columns, so that its seeds move alike in all contrasts with it."""
    return tuple(int(k) for k in np.flatnonzero((weight_sk != 0).any(axis=0)))


def _square(groups: Sequence[Layout]) -> float:
    return float(np.sum([g.value_sd.mean(axis=-2) for g in groups], axis=0).var(ddof=1))


def _mixed(mix: FloatArray, values: FloatArray) -> FloatArray:
    """Return `values` (s,) redrawn (resamples, s): normal, with mean 0 and the sample variance of the values."""
    deviation = values - values.mean()
    moved: FloatArray = mix @ deviation / np.sqrt(len(values) - 1)
    return moved


def normal_score(t: FloatArray, df: FloatArray) -> FloatArray:
    """Put Student's t with `df` on the normal scale (Wallace 1959, Ann. Math. Statist. 30, 1124-1130, eq. 2).

    Off by at most 0.02 for df >= 3 and |t| <= 10, and monotone in |t|, which is what a maximum needs.
    """
    t = np.asarray(t, dtype=np.float64)
    nu = np.minimum(np.asarray(df, dtype=np.float64), 1e9)
    size = (8 * nu + 1) / (8 * nu + 3) * np.sqrt(nu * np.log1p(t**2 / nu))
    return np.asarray(np.sign(t) * size, dtype=np.float64)
