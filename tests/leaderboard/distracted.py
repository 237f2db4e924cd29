"""A store with made-up results of distractors, of known size: no model is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.store import Store
from harness.suites.distractor import BY_SYSTEM, CLEAN, COST, DIRTY, GATE, ROWS, TASK_TYPE, TASKS, subset_of
from harness.suites.distractor.texts import FIRST, Condition
from tests.factory import TASKS as FACTORY
from tests.factory import add_system, rng_for

N = 80
FEW = (
    FIRST,
    *(Condition(place="before", amount=amount) for amount in (0.5, 1, 2)),
    Condition(place="around", amount=1, both=True),
    Condition(place="repeated", amount=2),
)
# How far an answer is from the gold score: of the clean texts, of the dirty ones, and of what a cure makes of these.
NOISE = {CLEAN: 0.3, DIRTY: 2.0} | {row: 1.2 + 0.1 * i for i, row in enumerate(ROWS[2:])}


def add_distracted(
    store: Store,
    variant: str,
    *,
    weight: float = 1.0,
    task: str = TASKS[0].name,
    base: str = "mini",
    rows: Sequence[str] = ROWS,
    conditions: Sequence[Condition] = FEW,
    text: str = "A dog ran.",
    gate: bool = True,
    **recipe: str,
) -> None:
    """A variant on one task; `weight` is how much a distractor moves its answers, `text` what the texts begin with."""
    run = add_system(
        store, variant, base=base, tasks=(), at_once=False, card_hash=variant,
        recipe={"attention": "bidirectional" if variant.startswith("bidir") else "causal", "pooling": "mean"} | recipe,
    )  # fmt: skip
    costs = [f"{COST}{row}" for row in rows if row in BY_SYSTEM]
    with store.together():
        for condition in conditions:
            for row in rows:
                if row != CLEAN or condition == FIRST:
                    store.add_result(run, _row(task, variant, condition, row, weight, text))
        for name in (*costs, *(GATE if gate else ())):
            metric = "tokens_spent" if name.startswith(COST) else "kept_words"
            values = rng_for(variant, name).uniform(0.2, 0.9, N) * (100 if metric == "tokens_spent" else 1)
            store.add_result(run, _result(task, name, metric, np.ones(N), values))


def _row(task: str, variant: str, condition: Condition, row: str, weight: float, text: str) -> TaskResult:
    gold = np.round(rng_for("gold").uniform(0, 5, N), 2)
    noise = rng_for(row, condition.name).normal(size=N) + 0.3 * rng_for(variant, row, condition.name).normal(size=N)
    size = NOISE[row] if row == CLEAN else NOISE[CLEAN] + weight * (NOISE[row] - NOISE[CLEAN]) * condition.amount
    subset = "default" if (condition, row) == (FIRST, DIRTY) else subset_of(condition.name, row)
    found = _result(task, subset, "spearman", gold, gold + size * noise)
    texts = {f"pair-{i}": f"{text} {row} {i} ⟷ A cat sat." for i in range(5)}
    own = {name: f"{said} ({variant})" if name == "pair-0" else said for name, said in texts.items()}
    return replace(found, made=own) if row in BY_SYSTEM else replace(found, shown=texts)


def _result(task: str, subset: str, metric: str, gold: np.ndarray, answers: np.ndarray) -> TaskResult:
    names = [f"pair-{i}" for i in range(N)]
    outcomes = make_outcomes({"example_id": names, "gold_score": gold, "predicted_score": answers}, N)
    key = TaskKey(task=task, split="test", subset=subset, revision="r1", metric=metric)
    score = score_outcomes(metric, outcomes)
    return TaskResult(key=key, task_type=TASK_TYPE, score=score, outcomes=outcomes, seconds=1.0)


def distracted_store(path: Path, *, text: str = "A dog ran.") -> Store:
    """Both masks without and with training, and with a cure in the card; a distractor weighs more on `bidir`."""
    store = Store(path)
    add_distracted(store, "causal", text=text)
    add_distracted(store, "bidir", text=text, weight=1.8)
    add_distracted(store, "causal-supcon", text=text, pooling="lasttoken")
    add_distracted(store, "bidir-supcon", text=text, pooling="lasttoken")
    for variant in ("causal-extract", "bidir-extract"):
        add_distracted(store, variant, text=text, rows=ROWS[:2], gate=False, reread="extract")
    for variant in ("causal", "bidir"):
        recipe = {"attention": "bidirectional" if variant == "bidir" else "causal", "pooling": "mean"}
        add_system(store, variant, tasks=FACTORY[:1], card_hash=variant, recipe=recipe)
    return store
