"""How long does the site of a large database take, how much memory, how large is it? And `harness compare`?

    python benchmarks/site.py                # 50 systems × 100 tasks × 2,000 examples
    python benchmarks/site.py --examples 200 # the same with a tenth of the examples: does the memory move?
    python benchmarks/site.py --small        # the same path in seconds
    python benchmarks/site.py --compare --bases 1 --variants 60 --seeds 5 --tasks 12 --examples 200   # 300 systems

The systems are base × variant × training seed (`--seeds`, 1): the rows of the page are 5 bases × 10 variants. Half of
the tasks are accuracies, half Spearman correlations; a tenth are read at several layers and token positions. The
database is made first. Then the site is made in a process of its own, whose peak memory (resident) is read from the
operating system, with the statistics' resamples as in `harness site`. With `--compare` that process is `harness compare
bidir-supcon causal`. Seconds are of the clock.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.records import Provenance, Run, System
from harness.store import Store
from harness.store.connection import writing

VARIANTS = ("causal", "bidir", "bidir-mntp", "bidir-simcse", "bidir-supcon", "causal-simcse", "causal-supcon", "random")


@dataclass(frozen=True)
class Size:
    """How much there is."""

    bases: int
    variants: int
    tasks: int
    examples: int
    resamples: int
    seeds: int = 1


def fill(path: Path, size: Size) -> None:
    """Make a database of that size: answers with a skill of each variant's own."""
    store = Store(path)
    store.ready()
    rng = np.random.default_rng(20261121)
    names = [*VARIANTS, *(f"extra-{i}" for i in range(size.variants))][: size.variants]
    worlds = [_world(task, size, rng) for task in range(size.tasks)]
    done = 0
    for base in range(size.bases):
        for v, variant in enumerate(names):
            trained = variant not in ("causal", "bidir")
            for seed in range(size.seeds) if trained else (None,):
                system = System(
                    base=f"base-{base}",
                    base_revision="0" * 40,
                    variant=variant,
                    seed=seed,
                    card_hash="c" * 64,
                )
                run = Run(
                    system_id=system.system_id, suite="bench", dtype="float32", device="cpu", evaluation="1",
                    provenance=Provenance(command=f"harness run --base base-{base} --variant {variant}"),
                    mask_proof={"passed": True},
                )  # fmt: skip
                with writing(path, wait_s=60, on_wait=None) as connection:
                    _in_one(store, connection, system, run, worlds, skill=0.3 + 0.04 * v, rng=rng)
                done += 1
                print(f"\r{done} systems stored", end="", file=sys.stderr)
    print(file=sys.stderr)


def _world(task: int, size: Size, rng: np.random.Generator) -> dict[str, object]:
    accuracy, n = task % 2 == 0, size.examples
    places = accuracy and task % 10 == 0
    cells = 4 if places else 1
    return {
        "name": f"Task{task:03d}",
        "metric": "accuracy" if accuracy else "spearman",
        "type": ("Classification", "STS", "WordProbe")[2 if places else task % 2],
        "ids": np.repeat([f"{i}:{'%012x' % (i * 7919 + task)}" for i in range(n // cells)], cells),
        "layer": np.tile([4, 4, 8, 8], n // cells) if places else None,
        "position": np.tile([-1, 1, -1, 1], n // cells) if places else None,
        "gold": rng.integers(0, 2, n // cells).repeat(cells) if accuracy else np.round(rng.uniform(0, 5, n), 1),
        "hard": rng.normal(size=n // cells).repeat(cells) if accuracy else rng.normal(size=n),
    }


def _in_one(store: Store, connection, system: System, run: Run, worlds, *, skill: float, rng) -> None:
    from contextlib import nullcontext

    store._writing = lambda: nullcontext(connection)  # type: ignore[method-assign]
    store.add_system(system)
    store.add_run(run)
    for world in worlds:
        gold, n = world["gold"], len(world["gold"])
        columns: dict[str, object] = {"example_id": world["ids"]}
        if world["metric"] == "accuracy":
            right = skill + 0.2 * world["hard"] + 0.3 * rng.normal(size=n) > 0.3
            columns |= {"gold_label": gold.astype(str), "predicted_label": np.where(right, gold, 1 - gold).astype(str)}
            columns |= {k: world[k] for k in ("layer", "position") if world[k] is not None}
        else:
            answer = skill * (gold - 2.5) + 0.6 * world["hard"] + 0.6 * rng.normal(size=n)
            columns |= {"gold_score": gold, "predicted_score": answer}
        rows = make_outcomes(columns, n)
        key = TaskKey(
            task=str(world["name"]), split="test", subset="default", revision="1", metric=str(world["metric"])
        )
        score = score_outcomes(key.metric, rows)
        store.add_result(
            run.run_id,
            TaskResult(key=key, task_type=str(world["type"]), score=score, outcomes=rows, seconds=1.0),
        )
    store.finish_run(run.run_id)
    del store._writing


def build(db: Path, out: Path, resamples: int) -> None:
    """Make the site here and print its time and this process's peak memory."""
    from leaderboard.build import build_site

    last = [time.monotonic()]

    def progress(done: int, total: int, what: str) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{done} of {total}, peak {peak:.2f} GB, next: {what}", file=sys.stderr, flush=True)

    started = time.monotonic()
    build_site(Store(db, read_only=True), out, resamples=resamples, progress=progress)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": time.monotonic() - started, "cpu": time.process_time(), "peak_gb": peak / 1e6}))


def _compare(db: Path) -> dict[str, float]:
    """What `harness compare` of two variants of the first base takes."""
    words = ["compare", "bidir-supcon", "causal", "--base", "base-0", "--db", str(db)]
    started = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "harness", *words], stdout=subprocess.DEVNULL) as running:
        _, status, took = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"harness compare ended with {running.returncode}")
    seconds = time.monotonic() - started
    return {"seconds": seconds, "cpu": took.ru_utime + took.ru_stime, "peak_gb": took.ru_maxrss / 1e6}


def _build(db: Path, out: Path, resamples: int) -> dict[str, float]:
    """What the site takes, made in a fresh process (`build`)."""
    here = [sys.executable, __file__, "--build", str(db), str(out), "--resamples", str(resamples)]
    return dict(json.loads(subprocess.run(here, check=True, stdout=subprocess.PIPE, env=os.environ).stdout))


def _rows(size: Size, db: Path, done: dict[str, float]) -> dict[str, object]:
    systems = size.bases * (2 + (size.variants - 2) * size.seeds)
    return {
        "systems × tasks × examples": f"{systems} × {size.tasks} × {size.examples}",
        "database, MB": db.stat().st_size / 1e6,
        "time, s": done["seconds"],
        "CPU, s": done["cpu"],
        "peak memory, GB": done["peak_gb"],
    }


def measure(size: Size, *, compare: bool) -> pd.DataFrame:
    """Make database and site, or comparison, in processes of their own and return what they took."""
    with tempfile.TemporaryDirectory() as folder:
        db, out = Path(folder, "results.duckdb"), Path(folder, "site")
        fill(db, size)
        rows = _rows(size, db, _compare(db) if compare else _build(db, out, size.resamples))
        if not compare:
            pages = [p for p in out.rglob("*") if p.is_file() and "downloads" not in p.parts]
            front = (out / "index.html").read_bytes()
            rows |= {
                "files": len(pages),
                "pages and examples, MB": sum(p.stat().st_size for p in pages) / 1e6,
                "largest page, MB": max(p.stat().st_size for p in pages if p.suffix == ".html") / 1e6,
                "front page, MB": len(front) / 1e6,
                "front page compressed, MB": len(gzip.compress(front, 6)) / 1e6,
            }
    return pd.DataFrame([(k, f"{v:.2f}" if isinstance(v, float) else str(v)) for k, v in rows.items()])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bases", type=int, default=5)
    parser.add_argument("--variants", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="measure harness compare in place of the site")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--build", nargs=2, metavar=("DB", "OUT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.build:
        build(Path(chosen.build[0]), Path(chosen.build[1]), chosen.resamples)
        return
    size = Size(chosen.bases, chosen.variants, chosen.tasks, chosen.examples, chosen.resamples, chosen.seeds)
    if chosen.small:
        size = Size(bases=1, variants=5, tasks=6, examples=200, resamples=500, seeds=chosen.seeds)
    print(measure(size, compare=chosen.compare).to_string(index=False, header=False))


if __name__ == "__main__":
    main()
