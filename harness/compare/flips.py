"""Which examples two checkpoints answer differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.compare.aligned import WHERE
from harness.compare.conditions import pair_scores
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.store import Store


@dataclass(frozen=True, kw_only=True)
class Flip:
    """One example; for labels the change is from wrong to right (+1) or back (-1), for scores second to first."""

    example_id: str
    trial: int
    position: int | None
    gold: str
    predicted: str
    predicted_against: str
    change: float


@dataclass(frozen=True, kw_only=True)
class Flips:
    """The examples of one task that flipped, between one seed of each side; `gained` and `lost` count all of them.

    For scores nothing flips: `shown` holds the largest changes, and the counts are None.
    """

    task: TaskPart
    seed: int | None
    seed_against: int | None
    gained: int | None
    lost: int | None
    shown: tuple[Flip, ...]


def flips(
    store: Store,
    *,
    base: str,
    variant: str,
    against: str,
    tasks: list[TaskPart],
    most: int,
    dtype: str | None = None,
    device: str | None = None,
) -> list[Flips]:
    """Return for each of `tasks` the examples that flipped from `against` to `variant`, at most `most` of them.

    Seeds: the lowest that both have, or the lowest of each. Clusters have no right answer and do not flip.
    """
    scores, _, [(first, second)] = pair_scores(
        store, base=base, variants=[variant], against=against, dtype=dtype, device=device
    )
    shared = [seed for seed in first.seeds if seed in second.seeds]
    seeds = (shared[0], shared[0]) if shared else (first.seeds[0], second.seeds[0])
    found = []
    for task in tasks:
        numbers = []
        for entry, seed in zip((first, second), seeds, strict=True):
            system = entry.systems[entry.seeds.index(seed)].system_id
            rows = scores[(scores["system_id"] == system) & (scores["task"] == task.task)]
            numbers.append(rows[(rows["split"] == task.split) & (rows["subset"] == task.subset)])
        if any(rows.empty for rows in numbers) or get_metric(numbers[0]["metric"].iloc[0]).answers == "cluster":
            continue
        a, b = (store.outcomes(results=rows["result"]) for rows in numbers)
        both = a.merge(b, on=WHERE, suffixes=("", "_against"))
        found.append(_of_task(both, task, seeds, most=most))
    return found


def _of_task(both: pd.DataFrame, task: TaskPart, seeds: tuple[int | None, int | None], *, most: int) -> Flips:
    labels = bool(both["gold_label"].notna().all())
    gold, said = ("gold_label", "predicted_label") if labels else ("gold_score", "predicted_score")
    if labels:
        change = (both[said] == both[gold]).astype(int) - (both[f"{said}_against"] == both[gold]).astype(int)
    else:
        change = both[said] - both[f"{said}_against"]
    values = change.to_numpy(dtype=float)
    order = np.argsort(-np.abs(values), kind="stable")
    moved = [int(i) for i in order if values[i] != 0]
    shown = [
        Flip(
            example_id=str(row["example_id"]), trial=int(row["trial"]),
            position=None if pd.isna(row["position"]) else int(row["position"]), gold=_text(row[gold]),
            predicted=_text(row[said]), predicted_against=_text(row[f"{said}_against"]), change=float(values[i]),
        )
        for i, row in zip(moved[:most], both.iloc[moved[:most]].to_dict("records"), strict=True)
    ]  # fmt: skip
    return Flips(
        task=task,
        seed=seeds[0],
        seed_against=seeds[1],
        gained=int((values > 0).sum()) if labels else None,
        lost=int((values < 0).sum()) if labels else None,
        shown=tuple(shown),
    )


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
