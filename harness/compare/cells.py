"""Parts of results with intervals: a score by position or by layer, and controls and diagnostics.

A task is read at its layers where there are several, else at its token positions.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.aligned import align
from harness.compare.entries import Entry
from harness.compare.estimates import estimate_task
from harness.compare.one_task import Name
from harness.metrics import get_metric
from harness.store import Store

By = Literal["position", "layer"]
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A score of one entry on a part of one result's outcomes, the mean over its seeds.

    `value` is in the metric's unit, with a 95 % interval over units (words) for these checkpoints; None where it cannot
    be estimated. `position` and `layer` say which part, where it was asked for.
    """

    base: str
    variant: str
    task: str
    subset: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n_examples: int
    n_units: int
    seeds: tuple[int | None, ...]
    position: int | None = None
    layer: int | None = None

    @property
    def written(self) -> str:
        """The value with its interval, in the metric's unit: "0.43 (0.34–0.51)", "-0.2 (-0.3 to 0.1)"."""
        write = get_metric(self.metric).write
        if self.low is None or self.high is None:
            return write(self.value)
        low, high = write(self.low), write(self.high)
        return f"{write(self.value)} ({low}{' to ' if low.startswith('-') else '–'}{high})"


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a task gives by place; `guess` is the share of the most frequent gold label, None for scores."""

    by: By
    cells: tuple[Cell, ...]
    guess: float | None


def cells(
    store: Store,
    entries: Sequence[Entry],
    *,
    scores: pd.DataFrame,
    tasks: Collection[str],
    subsets: Collection[str],
    by: By | None = None,
) -> list[Cell]:
    """Estimate `entries` on the subsets of `tasks`, on all their outcomes or on those of each position or layer.

    `scores` are rows of Store.scores, with controls and diagnostics if such are asked for. No cell depends on
    which others are asked for.
    """
    measured = {system.system_id for entry in entries for system in entry.systems}
    rows = scores[scores["task"].isin(tasks) & scores["subset"].isin(subsets) & scores["system_id"].isin(measured)]
    made: list[Cell] = []
    for _, group in rows.groupby(["task", "split", "subset", "metric", "revision"], sort=False):
        outcomes = store.outcomes(results=group["result"])
        made += cells_of(outcomes, entries, scores=group, by=by)
    return made


def cells_of(
    outcomes: pd.DataFrame, entries: Sequence[Entry], *, scores: pd.DataFrame, by: By | None = None
) -> list[Cell]:
    """Estimate `entries` on `outcomes` read before: those of `scores`, results of one task, subset and metric."""
    owner = {system.system_id: entry for entry in entries for system in entry.systems}
    place = {int(r["result"]): (owner[r["system_id"]], r["seed"]) for r in scores.to_dict("records")}
    named = (str(scores["task"].iloc[0]), str(scores["subset"].iloc[0]), str(scores["metric"].iloc[0]))
    task, subset, name = named
    metric = get_metric(name)
    made: list[Cell] = []
    for value, part in [(None, outcomes)] if by is None else outcomes.groupby(by):
        where: dict[str, int] = {} if by is None else {by: int(str(value))}
        for data in align(part, metric=name):
            columns: dict[Name, dict[int | None, int]] = {}
            for number, column in data.column.items():
                entry, seed = place[number]
                columns.setdefault(entry.name, {})[None if pd.isna(seed) else int(seed)] = column
            found, _ = estimate_task(
                data, metric.contributions(data), metric=metric, entries=list(columns.values()), pairs=[],
                rng=np.random.default_rng([zlib.crc32(repr((named, sorted(where.items()))).encode())]),
                resamples=RESAMPLES,
            )  # fmt: skip
            made += [
                Cell(
                    base=base, variant=variant, task=task, subset=subset, metric=name, value=each.value,
                    low=each.interval.low if each.interval else None,
                    high=each.interval.high if each.interval else None,
                    n_examples=data.n_examples, n_units=data.n_units, seeds=tuple(columns[base, variant]),
                    **where,  # type: ignore[arg-type]
                )
                for (base, variant), each in zip(columns, found, strict=True)
            ]  # fmt: skip
    return made


def read_places(outcomes: pd.DataFrame, entries: Sequence[Entry], *, scores: pd.DataFrame) -> Places | None:
    """Estimate `entries` at each place in `outcomes`, those of `scores` (results of one task, subset and metric).

    The cells are those of `harness words`. None where the outcomes name neither layer nor position.
    """
    layers, positions = (outcomes[place].nunique() for place in ("layer", "position"))
    if not layers and not positions:
        return None
    by: By = "position" if positions and layers < 2 else "layer"
    labels = outcomes["gold_label"].dropna()
    return Places(
        by=by,
        cells=tuple(cells_of(outcomes, entries, scores=scores, by=by)),
        guess=float(labels.value_counts(normalize=True).max()) if len(labels) else None,
    )
