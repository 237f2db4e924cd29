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

import copy
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions
from harness.stats.crossed import Spread, spread
from harness.stats.effects import contrast_parts, layouts
from harness.stats.signflip import flipped, sign_bits
from harness.stats.units import FloatArray

_BLOCK_CELLS = 1 << 24  # null statistics that are in memory at once
_Mix = Callable[[Hashable, int], FloatArray]  # names of seeds and their number -> weights


@dataclass(frozen=True, kw_only=True)
class JointTask:
    """The contrasts that are tested on one task."""

    table: Contributions
    contrasts: tuple[Contrast, ...]


@dataclass(frozen=True, kw_only=True)
class JointStatistics:
    """Signed normal scores of m hypotheses, in the order of tasks and their contrasts.

    `observed` (m,), NaN where nothing varies. `blocks` makes the null ones anew each time, (rows, m) at once, NaN in
    the same columns: all resamples × hypotheses of a large family would not fit into memory.
    """

    observed: FloatArray
    blocks: Callable[[], Iterator[FloatArray]]

    @property
    def null(self) -> FloatArray:
        """All null statistics (resamples, m) at once."""
        return np.concatenate(list(self.blocks()))


def joint_statistics(
    tasks: Sequence[JointTask], *, rng: np.random.Generator, resamples: int = 10_000, cells: int = _BLOCK_CELLS
) -> JointStatistics:
    """Return the statistics of all contrasts of all `tasks`, observed and in `resamples` draws from the null.

    A block of the null has at most `cells` numbers, and one row at least. The random numbers do not depend on it.
    """
    [mix_rng] = rng.spawn(1)
    mixes: dict[Hashable, FloatArray] = {}

    def mix(key: Hashable, size: int) -> FloatArray:
        """Normal weights (resamples, s, s) by the names of the seeds they mix: one draw for all that share seeds."""
        if key not in mixes:
            mixes[key] = mix_rng.normal(size=(resamples, size, size))
        return mixes[key]

    made = [
        _prepared(task, mix, rng=own_rng, resamples=resamples) if task.table.n_units > 1 else None
        for task, own_rng in zip(tasks, rng.spawn(len(tasks)), strict=True)
    ]
    counts = [len(task.contrasts) for task in tasks]
    observed = [
        np.full(count, np.nan) if found is None else found.observed for found, count in zip(made, counts, strict=True)
    ]
    rows = max(1, cells // max(1, sum(counts)))

    def blocks() -> Iterator[FloatArray]:
        for first in range(0, resamples, rows):
            last = min(resamples, first + rows)
            null = np.full((last - first, sum(counts)), np.nan)
            start = 0
            for found, count in zip(made, counts, strict=True):
                if found is not None:
                    found.fill(null[:, start : start + count], first)
                start += count
            yield null

    return JointStatistics(observed=np.concatenate([*observed, np.empty(0)]), blocks=blocks)


@dataclass(frozen=True, kw_only=True)
class _Mixed:
    """A contrast with seeds or draws: its variance, and the deviations of both with the weights that mix them."""

    place: int  # among the contrasts that vary
    found: Spread
    draws: FloatArray | None
    seeds: tuple[tuple[FloatArray, FloatArray, FloatArray], ...]  # weights, deviations, share of the variance


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """One task, ready to be redrawn: the same rows come whatever rows are asked for at once.

    `columns` are those of `observed` that vary, `part`, `square` and `df` are theirs.
    """

    observed: FloatArray
    columns: NDArray[np.intp]
    part: FloatArray
    square: FloatArray
    df: FloatArray
    rng: np.random.Generator
    resamples: int
    draw_mix: FloatArray | None
    mixed: tuple[_Mixed, ...]

    def fill(self, null: FloatArray, first: int) -> None:
        """Write the statistics of the resamples from number `first` on into `null` (rows, contrasts)."""
        units = len(self.part)
        rows = slice(first, first + len(null))
        bits = sign_bits(units, resamples=self.resamples, rng=copy.deepcopy(self.rng), first=rows.start, last=rows.stop)
        sums = np.concatenate([flipped(each, self.part) for each in bits])
        variance = units / (units - 1) * np.maximum(0.0, self.square - sums**2 / units)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(variance > 0, sums / np.sqrt(variance), 0.0)
        for each in self.mixed:
            s = each.found
            number = np.sqrt(float(s.examples)) * t[:, each.place]
            if self.draw_mix is not None and each.draws is not None:
                number = number + np.sqrt(float(s.draws)) * _student(self.draw_mix[rows], each.draws)
            for weights, deviations, share in each.seeds:
                number = number + np.sqrt(float(share)) * _student(weights[rows], deviations)
            t[:, each.place] = number / np.sqrt(float(s.variance))
        null[:, self.columns] = normal_score(t, self.df)


def _prepared(task: JointTask, mix: _Mix, *, rng: np.random.Generator, resamples: int) -> _Prepared:
    """Estimate the contrasts of a task, and keep what redraws them."""
    table, m = task.table, len(task.contrasts)
    part = np.zeros((table.n_units, m))
    observed = np.full(m, np.nan)
    before = copy.deepcopy(rng)
    draw_mix = None
    if table.n_draws > 1:
        for _ in sign_bits(table.n_units, resamples=resamples, rng=rng):
            pass  # the signs come first in the stream of random numbers
        draw_mix = rng.normal(size=(resamples, table.n_draws, table.n_draws))
    columns: list[int] = []
    dfs: list[float] = []
    mixed: list[_Mixed] = []
    for j, contrast in enumerate(task.contrasts):
        plan = contrast if contrast.seeds_vary else contrast.fixed()
        groups = layouts(table, plan)
        s = spread(groups, seeds_vary=contrast.seeds_vary)
        if contrast.seeds_vary or table.n_draws > 1:
            part[:, j] = np.sum([g.part_usd.mean(axis=(-1, -2)) for g in groups], axis=0)
        else:
            part[:, j] = contrast_parts(table, contrast)
        if float(s.variance) <= 1e-24:
            continue
        df = _scale_df(s)
        observed[j] = normal_score(s.value / np.sqrt(s.variance), df)
        draws = None
        if draw_mix is not None and float(s.draws) > 0:
            draws = np.asarray(np.sum([g.value_sd.mean(axis=-2) for g in groups], axis=0), dtype=np.float64)
        seeds = []
        for g, named, share in zip(groups, contrast.groups, s.seeds, strict=True) if s.seed_dfs else ():
            alike = len(groups) == 1 or named.named
            key = ("seeds", named.seeds) if alike else ("columns", _owner(named.weight_sk))
            seeds.append((mix(key, g.value_sd.shape[-2]), g.value_sd.mean(axis=-1), share))
        if s.seed_dfs or s.draw_df:
            mixed.append(_Mixed(place=len(columns), found=s, draws=draws, seeds=tuple(seeds)))
        columns.append(j)
        dfs.append(float(df))
    part = part[:, columns]
    return _Prepared(
        observed=observed, columns=np.asarray(columns, dtype=np.intp), part=part, square=(part**2).sum(axis=0),
        df=np.asarray(dfs), rng=before, resamples=resamples, draw_mix=draw_mix, mixed=tuple(mixed),
    )  # fmt: skip


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
