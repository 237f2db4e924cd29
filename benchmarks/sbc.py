"""Is the hierarchical model computed rightly? Simulation-based calibration (Talts et al. 2018, arXiv 1804.06788).

    python benchmarks/sbc.py            # 100 data sets of each design, some minutes
    python benchmarks/sbc.py --small    # the same path with 20

A truth is drawn from the priors, and data from the truth; this file does so on its own, effect by effect. The rank of
the truth among the posterior's draws is then uniform. For each quantity the table gives p of a chi-square test of that
over ten classes, and how often the 95 % interval holds the truth. The exit code is 1 if a p is below 0.001.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from harness.errors import HarnessError
from harness.stats.hierarchical import MEAN_SD, SEED_SD, TASK_SD, Draws, SeedDifferences, sample_posterior

DRAWS, CLASSES = 199, 10  # thinned, so that they are nearly independent: 200 possible ranks


@dataclass(frozen=True, kw_only=True)
class Design:
    """How many tasks and seeds; `pairs` of tasks share their data."""

    tasks: int
    seeds: int
    trained: bool = True
    pairs: int = 0

    def __str__(self) -> str:
        seeds = f"{self.seeds} seed{'s' * (self.seeds > 1)}" if self.trained else "nothing trained"
        return f"{self.tasks} tasks, {seeds}{', two of three share data' if self.pairs else ''}"


DESIGNS = (
    Design(tasks=8, seeds=5),
    Design(tasks=8, seeds=1, trained=False),
    Design(tasks=9, seeds=5, pairs=3),
    Design(tasks=12, seeds=1),
)


def simulated(design: Design, rng: np.random.Generator) -> tuple[SeedDifferences, dict[str, float], np.ndarray]:
    """Draw a truth and its data: the data, the scalars by name, and the effects of the tasks."""
    t, s = design.tasks, design.seeds
    data_t = np.concatenate([np.repeat(np.arange(design.pairs), 2), np.arange(design.pairs, t - design.pairs)])
    examples = np.random.default_rng(0)  # the same variances in every data set: they are known
    shared, single = examples.uniform(0.2, 1.5, t) ** 2, examples.uniform(0.2, 1.0, t) ** 2 * (s > 1)
    empty = SeedDifferences(
        point_ts=np.zeros((t, s)), shared_t=shared, single_t=single, data_t=data_t, trained=design.trained
    )
    scale = {"task": TASK_SD, "data": TASK_SD, "seed": SEED_SD, "rest": SEED_SD}
    truth = {"mean": rng.normal(0, MEAN_SD)} | {name: abs(rng.normal(0, scale[name])) for name in empty.scales}
    effect = truth["mean"] + truth["task"] * rng.normal(size=t)
    effect = effect + truth.get("data", 0.0) * rng.normal(size=t)[data_t]
    of_examples = np.sqrt(shared)[:, None] * rng.normal(size=(t, 1)) + np.sqrt(single)[:, None] * rng.normal(
        size=(t, s)
    )
    of_seeds = truth.get("seed", 0.0) * rng.normal(size=(1, s)) + truth.get("rest", 0.0) * rng.normal(size=(t, s))
    return replace(empty, point_ts=effect[:, None] + of_examples + of_seeds), truth, effect


def ranked(found: Draws, truth: dict[str, float], effect: np.ndarray) -> dict[str, tuple[int, bool]]:
    """Return the rank of each true value among the thinned draws, and whether the 95 % interval holds it."""
    values = {name: (found.scalars[name], value) for name, value in truth.items()}
    values |= {"first task": (found.task[:, 0], effect[0]), "last task": (found.task[:, -1], effect[-1])}
    said = {}
    for name, (draws, value) in values.items():
        thin = draws[np.linspace(0, len(draws) - 1, DRAWS).astype(int)]
        low, high = np.quantile(draws, (0.025, 0.975))
        said[name] = (int(np.sum(thin < value)), bool(low <= value <= high))
    return said


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="20 data sets of each design")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    count, worst = 20 if given.small else 100, 1.0
    print("| design | data sets | refused | quantity | p, uniform ranks | in the 95 % interval |")
    print("| --- | ---: | ---: | --- | ---: | ---: |")
    for design in DESIGNS:
        rng = np.random.default_rng(given.seed)
        rows, refused = [], 0
        for i in range(count):
            data, truth, effect = simulated(design, rng)
            try:
                rows.append(ranked(sample_posterior(data, seed=i), truth, effect))
            except HarnessError:
                refused += 1
        for name in rows[0]:
            ranks, held = (np.array([row[name][k] for row in rows]) for k in (0, 1))
            p = float(stats.chisquare(np.bincount(ranks * CLASSES // (DRAWS + 1), minlength=CLASSES)).pvalue)
            worst = min(worst, p)
            print(f"| {design} | {len(rows)} | {refused} | {name} | {p:.3f} | {100 * held.mean():.1f} |", flush=True)
    return int(worst < 0.001)


if __name__ == "__main__":
    sys.exit(main())
