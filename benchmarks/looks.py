"""Sequential looks: two ways to spend alpha, their errors in families of tests, and their power.

    python benchmarks/looks.py            # half a minute
    python benchmarks/looks.py --small    # the same path in a second or two

"joint" are the usual limits, from the joint distribution of one normal statistic's looks (Lan and DeMets 1983).
"added" are ours: each look gets what the spending function grows by. The tests of a family are independent here, and
their p values are adjusted for their number; a difference is one that a single test at the last look finds four times
in five.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from harness.stats.looks import spent

LOOKS = ((5, 10), (5, 7, 10), (5, 6, 7, 8, 9, 10))
FAMILIES = (1, 12, 100)
ALPHA, EFFECT = 0.05, 2.8


def statistics(count: int, looks: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return the statistics of `count` tests at each look (count, looks): normal, and each on the seeds so far."""
    share = np.array(looks) / looks[-1]
    steps = rng.normal(size=(count, len(looks))) * np.sqrt(np.diff(share, prepend=0.0))
    return steps.cumsum(axis=1) / np.sqrt(share)


def joint_limits(looks: tuple[int, ...], *, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the limits of p that spend as much as ours, each given that no earlier look rejected, by simulation."""
    size, limits = np.abs(statistics(count, looks, rng)), []
    going = np.ones(count, dtype=bool)
    for k, share in enumerate(spent(looks, alpha=ALPHA)):
        limit = np.sort(size[going, k])[-max(1, int(share * count))]
        limits.append(2 * stats.norm.sf(limit))
        going &= size[:, k] < limit
    return np.array(limits)


def error(limits: np.ndarray, looks: tuple[int, ...], *, tests: int, count: int, rng: np.random.Generator) -> float:
    """Return how often one test or more of a family without any difference rejects at one look or more."""
    bound = stats.norm.isf((1 - (1 - limits) ** (1 / tests)) / 2)
    wrong = np.zeros(count // tests, dtype=bool)
    for _ in range(tests):
        wrong |= (np.abs(statistics(len(wrong), looks, rng)) >= bound).any(axis=1)
    return float(wrong.mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    count = 50_000 if parser.parse_args().small else 2_000_000
    rng = np.random.default_rng(0)
    of_families = " | ".join(f"error, {tests} test{'s' * (tests > 1)}" for tests in FAMILIES)
    print(f"| looks at | spending | limits of p, % | {of_families} | power |")
    print(f"| --- | --- | --- |{' ---: |' * (len(FAMILIES) + 1)}")
    for looks in LOOKS:
        added = np.array(spent(looks, alpha=ALPHA))
        for name, limits in (("joint", joint_limits(looks, count=count, rng=rng)), ("added", added)):
            errors = [error(limits, looks, tests=tests, count=count, rng=rng) for tests in FAMILIES]
            moved = statistics(count, looks, rng) + EFFECT * np.sqrt(np.array(looks) / looks[-1])
            power = float((np.abs(moved) >= stats.norm.isf(limits / 2)).any(axis=1).mean())
            cells = [", ".join(f"{100 * x:.1f}" for x in limits), *(f"{100 * x:.1f}" for x in (*errors, power))]
            print(f"| {', '.join(map(str, looks))} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
