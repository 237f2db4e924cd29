"""Made-up results with known truth, for the tests of store, compare and leaderboard: no model is run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.records import Provenance, Run, StoredRecipe, System
from harness.store import Store

PROOF = {"passed": True, "kernel": "sdpa", "cases": [{"batch": 1, "padding": "none", "moved": 0.0}]}


@dataclass(frozen=True)
class FakeTask:
    """A task whose difficulty is known: `kind` is a metric, or 'probe' for accuracy by position."""

    name: str
    kind: str
    n: int = 200
    task_type: str = "STS"

    @property
    def metric(self) -> str:
        return "accuracy" if self.kind == "probe" else self.kind


TASKS = (
    FakeTask("MiniSTS", "spearman", 160),
    FakeTask("MiniNorms", "pearson", 120, "Regression"),
    FakeTask("MiniTopic", "accuracy", 150, "Classification"),
    FakeTask("MiniCluster", "v_measure", 60, "Clustering"),
    FakeTask("MiniContext", "probe", 120, "ContextProbe"),
)


def rng_for(*names: object) -> np.random.Generator:
    """A generator fixed by names, the same on every machine and in every process."""
    return np.random.default_rng(zlib.crc32(repr(names).encode()))


def outcomes_of(task: FakeTask, *, skill: float, seed: object = 0) -> pd.DataFrame:
    """Outcomes of a system of `skill` in (0, 1); the examples depend on the task, the answers on both."""
    world, noise = rng_for("world", task.name), rng_for("noise", task.name, seed)
    if task.kind in ("spearman", "pearson"):
        gold = np.round(world.uniform(0, 5, task.n), 1)
        shared = world.normal(size=task.n)  # what makes an example hard for everyone
        answer = skill * (gold - 2.5) / 1.45 + (1 - skill) * (0.8 * shared + 0.6 * noise.normal(size=task.n))
        ids = [f"pair-{i}" for i in range(task.n)]
        return make_outcomes({"example_id": ids, "gold_score": gold, "predicted_score": answer}, task.n)
    trials = {"accuracy": 3, "v_measure": 4, "probe": 1}[task.kind]
    positions = [-1, 1, 2] if task.kind == "probe" else [None]
    classes = 2 if task.kind == "probe" else 4
    rows = []
    for i in range(task.n):
        gold_class, hard = int(world.integers(classes)), world.normal()
        for trial in range(trials):
            for position in positions:
                if position == 2 and i % 3 == 0:
                    continue  # the text ends there: cells of unequal size
                right = skill + 0.15 * hard + 0.3 * noise.normal() > 0.5
                said = gold_class if right else int(noise.integers(classes))
                rows.append((f"text-{i}", f"unit-{i // 2}", trial, position, f"c{gold_class}", f"c{said}"))
    names = ["example_id", "unit", "trial", "position", "gold_label", "predicted_label"]
    frame = pd.DataFrame(rows, columns=names)
    columns: dict[str, object] = {name: frame[name] for name in names}
    if task.kind != "probe":
        columns.pop("position"), columns.pop("unit")
    return make_outcomes(columns, len(frame))


def result_of(task: FakeTask, *, skill: float, seed: object = 0, revision: str = "r1") -> TaskResult:
    """A consistent TaskResult."""
    rows = outcomes_of(task, skill=skill, seed=seed)
    key = TaskKey(task=task.name, split="test", subset="default", revision=revision, metric=task.metric)
    score = score_outcomes(task.metric, rows)
    return TaskResult(key=key, task_type=task.task_type, score=score, outcomes=rows, seconds=0.5)


SKILL = {
    "random": 0.2,
    "causal": 0.42,
    "bidir": 0.45,
    "bidir-mntp": 0.55,
    "bidir-simcse": 0.56,
    "bidir-supcon": 0.72,
    "causal-simcse": 0.45,
    "causal-supcon": 0.68,
}
UNTRAINED = frozenset({"causal", "bidir"})


def add_system(
    store: Store,
    variant: str,
    *,
    base: str = "mini",
    seed: int | None = None,
    skill: float = 0.5,
    tasks: Iterable[FakeTask] = TASKS,
    proof: dict[str, object] | None = PROOF,
    at_once: bool = True,
    dtype: str = "float32",
    **system: object,
) -> str:
    """Store one system with a finished run and return the run's id."""
    fields = {
        "base_revision": "0123456789abcdef",
        "card_hash": "c" * 12,
        "recipe": {"attention": "bidirectional" if "bidir" in variant else "causal", "pooling": "mean"},
        "lineage": {"stages": ["mntp-1a2b"]} if "mntp" in variant else {},
        "data": {"corpus": "sha256:feed"},
        **system,
    }
    fields["recipe"] = StoredRecipe.model_validate(fields["recipe"])
    made = System(base=base, variant=variant, seed=seed, **fields)  # type: ignore[arg-type]
    run = Run(
        system_id=made.system_id, suite="mini", dtype=dtype, device="cpu", evaluation="1",
        provenance=Provenance(versions={"torch": "2.13.0"}, command=f"harness run --variant {variant}"),
        mask_proof=proof,
    )  # fmt: skip
    with store.together() if at_once else nullcontext():
        store.add_system(made)
        store.add_run(run)
        for task in tasks:
            store.add_result(run.run_id, result_of(task, skill=skill, seed=(base, variant, seed)))
        store.finish_run(run.run_id)
    return run.run_id


@cache
def _ladder() -> bytes:
    with TemporaryDirectory() as folder:
        return fill(Path(folder) / "results.duckdb").path.read_bytes()


def ladder_store(path: Path) -> Store:
    """A store with every variant, the ladder in two seeds; made once a process, then copied."""
    path.write_bytes(_ladder())
    return Store(path)


def fill(
    path: Path,
    *,
    variants: Iterable[str] = SKILL,
    seeds: int = 2,
    tasks: Iterable[FakeTask] = TASKS,
    base: str = "mini",
) -> Store:
    """A store with the ladder on one base; variants with randomness get `seeds` seeds."""
    store = Store(path)
    with store.together():
        for variant in variants:
            n = seeds if variant.startswith("bidir-") else 1  # a control needs no second seed in a test
            for seed in [None] if variant in UNTRAINED else range(n):
                add_system(store, variant, base=base, seed=seed, skill=SKILL.get(variant, 0.5), tasks=tasks)
    return store
