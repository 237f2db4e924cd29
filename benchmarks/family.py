"""What memory and time a family of tests takes: its null statistics in blocks, and all of them at once.

python benchmarks/family.py                 # 60 variants × 5 seeds (300 systems) on 12 tasks of 200 examples
python benchmarks/family.py --small         # the same path in seconds

Each side runs in a process of its own, which says its peak of resident memory. The p values must be the same.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from itertools import combinations

import numpy as np
from machine import described

from harness.stats import JointTask, joint_statistics, make_contrast, max_t_families, mean_contributions

RESAMPLES = 10_000
SEEDS = 5


def family(variants: int, tasks: int, examples: int) -> list[JointTask]:
    """Every two variants on every task: right or wrong answers, later variants a little better."""
    rng = np.random.default_rng(0)
    columns = variants * SEEDS
    sides = [{seed: variant * SEEDS + seed for seed in range(SEEDS)} for variant in range(variants)]
    contrasts = tuple(make_contrast(sides[b], sides[a], columns=columns) for a, b in combinations(range(variants), 2))
    skill = 0.02 * np.repeat(np.arange(variants), SEEDS)
    made = []
    for _ in range(tasks):
        hard = rng.normal(size=(examples, 1))
        right = skill + rng.normal(size=(examples, columns)) > hard
        made.append(JointTask(table=mean_contributions(right.astype(float)), contrasts=contrasts))
    return made


def child(variants: int, tasks: int, examples: int, cells: int) -> None:
    """Adjust the family, and print what it took."""
    started = time.process_time()
    joint = joint_statistics(
        family(variants, tasks, examples), rng=np.random.default_rng(1), resamples=RESAMPLES, cells=cells
    )
    [p] = max_t_families(joint, [range(len(joint.observed))])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"s": time.process_time() - started, "gb": peak, "p": p}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="8 variants on 2 tasks")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(**json.loads(asked.child))
        return
    size = (
        {"variants": 8, "tasks": 2, "examples": 100} if asked.small else {"variants": 60, "tasks": 12, "examples": 200}
    )
    pairs = size["variants"] * (size["variants"] - 1) // 2
    found = {}
    for name, cells in (("blocks", 1 << 24 if not asked.small else 1 << 15), ("all at once", 1 << 40)):
        told = json.dumps({**size, "cells": cells})
        done = subprocess.run([sys.executable, __file__, "--child", told], check=True, stdout=subprocess.PIPE)
        found[name] = json.loads(done.stdout)
    same = found["blocks"]["p"] == found["all at once"]["p"]
    print(described("cpu"))
    print(f"{pairs * size['tasks']:,} tests ({pairs} pairs × {size['tasks']} tasks), {RESAMPLES:,} resamples")
    print(
        "\n| null statistics | processor time, s | peak memory, GB | the same p values |\n| --- | ---: | ---: | --- |"
    )
    for name, each in found.items():
        print(f"| {name} | {each['s']:.1f} | {each['gb']:.2f} | {'yes' if same else 'NO'} |")


if __name__ == "__main__":
    main()
