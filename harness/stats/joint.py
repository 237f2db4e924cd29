"""Many contrasts on many tasks at once: their t statistics, observed and under the null, with their dependence.

Under the null each resample flips the signs of a task's units, the same flips for all contrasts of the task
(Romano and Wolf 2005, JASA 100, 94-108: any resampling that keeps the dependence will do), and studentises by
the flipped units' own variance. Seeds and draws, where they are a sample, add a Student's t with their degrees of
freedom: the normal weights that mix the seeds' deviations are the same for all tasks and contrasts on those seeds, so
the dependence is kept (multipliers as in Chernozhukov, Chetverikov and Kato 2013, Annals of Statistics 41(6)). Each
share of the variance enters as the Student's t that its own degrees of freedom give, so one contrast alone is tested as
by Behrens and Fisher (Robinson 1976, Annals of Statistics 4(5): the error never exceeds the level). A family needs
that: Satterthwaite's approximation, good to a few tenths of a per cent at 5 %, errs by a factor of two or more at the
levels deep in the tail that a family reads.

A statistic is put on the normal scale by degrees of freedom (`_scale_df`), so that a contrast with 4 and one with
2,000 count alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions
from harness.stats.crossed import CrossedLayout, Spread, spread
from harness.stats.effects import contrast_parts, layouts
from harness.stats.signflip import flipped, sign_bits
from harness.stats.units import FloatArray

_Mix = Callable[[Hashable, int], FloatArray]  # names of seeds and their number -> weights


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
    [mix_rng] = rng.spawn(1)
    mixes: dict[Hashable, FloatArray] = {}

    def mix(key: Hashable, size: int) -> FloatArray:
        """Normal weights (resamples, s, s) by the names of the seeds they mix: one draw for all that share seeds."""
        if key not in mixes:
            mixes[key] = mix_rng.normal(size=(resamples, size, size))
        return mixes[key]

    start = 0
    for task, own_rng in zip(tasks, rng.spawn(len(tasks)), strict=True):
        stop = start + len(task.contrasts)
        if task.table.n_units > 1:
            observed[start:stop] = _one_task(task, null[:, start:stop], mix, rng=own_rng)
        start = stop
    return JointStatistics(observed=observed, null=null)


def _one_task(task: JointTask, null: FloatArray, mix: _Mix, *, rng: np.random.Generator) -> FloatArray:
    """Fill `null` (resamples, contrasts) and return the observed statistics (contrasts,)."""
    resamples, m = null.shape
    table = task.table
    part = np.zeros((table.n_units, m))
    found: list[tuple[Spread, list[CrossedLayout], Contrast]] = []
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
        observed[j] = normal_score(s.value / np.sqrt(s.variance), _scale_df(s))
        variance = small * np.maximum(0.0, square[j] - sums[:, j] ** 2 / table.n_units)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(variance > 0, sums[:, j] / np.sqrt(variance), 0.0)
        if s.seed_dfs or s.draw_df:
            number = np.sqrt(float(s.examples)) * t
            if draw_mix is not None and float(s.draws) > 0:
                value_d = np.sum([g.value_sd.mean(axis=-2) for g in groups], axis=0)
                number = number + np.sqrt(float(s.draws)) * _student(draw_mix, value_d)
            for g, named, term in zip(groups, contrast.groups, s.seeds, strict=True) if s.seed_dfs else ():
                key = ("seeds", named.seeds) if len(groups) == 1 else ("columns", _owner(named.weight_sk))
                drawn = mix(key, g.value_sd.shape[-2])
                number = number + np.sqrt(float(term)) * _student(drawn, g.value_sd.mean(axis=-1))
            t = number / np.sqrt(float(s.variance))
        null[:, j] = normal_score(t, _scale_df(s))
    return observed


def _scale_df(found: Spread) -> FloatArray:
    """Return the degrees of freedom that balance a family: the geometric mean of the design's and of those found.

    With those found alone a contrast whose seeds lie close by chance is favoured twice, by its standard error and
    by its scale: 7.1 % family-wise errors in 3 pairs × 7 tasks that share 5 seeds, against 5.7 % so, and 1.3 %
    with the design's alone. Without seeds and draws they are one thing.
    """
    design = sum(found.seed_dfs) or found.draw_df or found.example_df
    return np.asarray(np.sqrt(design * found.df), dtype=np.float64)


def _owner(weight_sk: FloatArray) -> tuple[int, ...]:
    """Name an unpaired side by its columns, so that its seeds move alike in all contrasts with it."""
    return tuple(int(k) for k in np.flatnonzero((weight_sk != 0).any(axis=0)))


def _student(mix: FloatArray, values: FloatArray) -> FloatArray:
    """Return Student's t statistics (resamples,) of `values` (s,) redrawn: normal, with mean 0 and their spread."""
    moved = mix @ (values - values.mean())
    scale = moved.std(axis=1, ddof=1) / np.sqrt(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(scale > 0, moved.mean(axis=1) / scale, 0.0), dtype=np.float64)


def normal_score(t: FloatArray, df: FloatArray) -> FloatArray:
    """Put Student's t with `df` on the normal scale (Wallace 1959, Ann. Math. Statist. 30, 1124-1130, eq. 2).

    Off by at most 0.05 for df >= 3, and monotone in |t|: it balances a family, no p value rests on it.
    """
    t = np.asarray(t, dtype=np.float64)
    nu = np.minimum(np.asarray(df, dtype=np.float64), 1e9)
    size = (8 * nu + 1) / (8 * nu + 3) * np.sqrt(nu * np.log1p(t**2 / nu))
    return np.asarray(np.sign(t) * size, dtype=np.float64)
