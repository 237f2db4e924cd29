"""How fast are all pairs of a leaderboard compared, against loops over scipy?

    python benchmarks/stats.py            # 10 systems × 20 tasks × 2,000 examples × 5 seeds, 10,000 resamples
    python benchmarks/stats.py --small    # the same path in a few seconds

Half of the tasks are accuracies, half are Spearman correlations. Both sides make, for each pair on each task,
an interval and a p value for the difference of the means over seeds: sign flips and a bootstrap interval for
accuracies, resampled pairs for correlations. Ours needs no resampling for the intervals and for correlations, and adds
the family-wise p values (max-T) and the intervals over seeds crossed with examples. It runs in full. The loops are
measured on a few pairs of one task of each kind, for correlations on a part of the resamples, and scaled linearly:
every pair and every resample costs them the same. Seconds are of CPU time, one thread.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.stats.contrast import make_contrast
from harness.stats.contributions import correlation_contributions, mean_contributions
from harness.stats.effects import crossed_effect, mean_effects, smooth_effects
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t_families


@dataclass(frozen=True, kw_only=True)
class Size:
    """The leaderboard, and the part of it that the loops are measured on."""

    systems: int = 10
    tasks: int = 20
    examples: int = 2_000
    seeds: int = 5
    resamples: int = 10_000
    loop_pairs: int = 2
    loop_resamples: int = 100

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of systems."""
        return [(a, b) for a in range(self.systems) for b in range(a)]


SMALL = Size(systems=4, tasks=2, examples=200, seeds=2, resamples=500, loop_pairs=1, loop_resamples=50)


def outcomes(size: Size, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return right and wrong (n, systems × seeds), gold (n,) with ties, and similarities (n, systems × seeds)."""
    n, k = size.examples, size.systems * size.seeds
    skill = np.repeat(rng.normal(0, 0.2, size.systems), size.seeds) + rng.normal(0, 0.05, k)
    latent = rng.normal(size=(n, 1)) + rng.normal(size=(n, k))
    gold = np.round(rng.normal(size=n) * 2) / 2
    return (latent + 0.8 + skill > 0).astype(float), gold, gold[:, None] * (1 + skill) + latent


def ours(size: Size, rng: np.random.Generator) -> tuple[float, float]:
    """Return the seconds for all accuracies and for all correlations, each with half of the family's max-T."""
    k = size.systems * size.seeds
    columns = [{s: v * size.seeds + s for s in range(size.seeds)} for v in range(size.systems)]
    contrasts = [make_contrast(columns[a], columns[b], columns=k) for a, b in size.pairs]
    fixed = [contrast.fixed() for contrast in contrasts]
    seconds = [0.0, 0.0]
    family = []
    for task in range(size.tasks):
        right, gold, cosine = outcomes(size, rng)
        start = time.process_time()
        if task % 2 == 0:
            table = mean_contributions(right)
            mean_effects(table, fixed, rng=rng, resamples=size.resamples)
        else:
            table = correlation_contributions(gold, cosine, kind="spearman")
            smooth_effects(table, fixed)
        for contrast in contrasts:
            crossed_effect(table, contrast)
        seconds[task % 2] += time.process_time() - start
        family.append(JointTask(table=table, contrasts=tuple(contrasts)))
    start = time.process_time()
    joint = joint_statistics(family, rng=rng, resamples=size.resamples)
    max_t_families(joint, [range(len(joint.observed))])
    shared = (time.process_time() - start) / 2
    return seconds[0] + shared, seconds[1] + shared


def loops(size: Size, rng: np.random.Generator) -> tuple[float, float]:
    """Return the seconds that scipy's functions in a loop would take, scaled from the part that is measured."""
    right, gold, cosine = outcomes(size, rng)
    every = len(size.pairs) / size.loop_pairs * size.tasks / 2
    sides = [np.arange(v * size.seeds, (v + 1) * size.seeds) for v in range(size.systems)]
    start = time.process_time()
    for a, b in size.pairs[: size.loop_pairs]:
        difference = right[:, sides[a]].mean(axis=1) - right[:, sides[b]].mean(axis=1)
        stats.permutation_test(
            (difference, -difference), _mean_of_first, permutation_type="samples", vectorized=True,
            n_resamples=size.resamples, batch=500, rng=rng,
        )  # fmt: skip
        stats.bootstrap(
            (difference,), np.mean, n_resamples=size.resamples, method="percentile", vectorized=True, batch=500, rng=rng
        )
    accuracy = (time.process_time() - start) * every

    def difference_of_correlations(rows: np.ndarray, a: int, b: int) -> float:
        first = [stats.spearmanr(gold[rows], cosine[rows, k]).statistic for k in sides[a]]
        second = [stats.spearmanr(gold[rows], cosine[rows, k]).statistic for k in sides[b]]
        return float(np.mean(first) - np.mean(second))

    start = time.process_time()
    for a, b in size.pairs[: size.loop_pairs]:
        # percentile: scipy's BCa would add a jackknife, one more correlation for every example
        stats.bootstrap(
            (np.arange(size.examples),), lambda rows, a=a, b=b: difference_of_correlations(rows, a, b),
            n_resamples=size.loop_resamples, method="percentile", vectorized=False, rng=rng,
        )  # fmt: skip
    share = size.loop_resamples / size.resamples
    return accuracy, (time.process_time() - start) * every / share


def _mean_of_first(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.mean(first, axis=axis))


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few seconds, to see that it runs")
    asked = parser.parse_args()
    size = SMALL if asked.small else Size()
    rng = np.random.default_rng(0)
    theirs = loops(size, rng)
    here = ours(size, rng)
    print(f"{size}")
    print(f"loops measured on {size.loop_pairs} of {len(size.pairs)} pairs, one task of each kind,")
    print(f"correlations on {size.loop_resamples} of {size.resamples} resamples; scaled linearly\n")
    print("| tasks | ours, s | loops over scipy, s (scaled) | ratio |")
    print("| --- | ---: | ---: | ---: |")
    rows = zip(("accuracy", "Spearman", "all"), (*here, sum(here)), (*theirs, sum(theirs)), strict=True)
    for name, mine, loop in rows:
        print(f"| {name} | {mine:,.1f} | {loop:,.0f} | {loop / mine:,.0f} × |")


if __name__ == "__main__":
    main()
