"""The results of one task under one condition in one table, so that all that is said of them is paired by example."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.compare.aligned import align
from harness.compare.entries import Entry
from harness.metrics import get_metric
from harness.stats.contributions import Contributions
from harness.stats.estimate import Interval
from harness.stats.fieller import Ratio, fieller_ratio
from harness.store import Store
from harness.suites.distractor import CLEAN, DIRTY, ROWS, subset_of
from harness.suites.distractor.texts import FIRST

Weights = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairedRows:
    """The rows of all variants: `weights` say what the mean over the seeds of (variant, row) takes of each column."""

    base: str
    task: str
    metric: str
    condition: str
    table: Contributions
    weights: Mapping[tuple[str, str], Weights]
    seeds: Mapping[tuple[str, str], tuple[int | None, ...]]

    def has(self, variant: str, rows: Collection[str] = (CLEAN, DIRTY)) -> bool:
        """Whether `variant` has all of `rows`."""
        return all((variant, row) in self.weights for row in rows)

    def estimate(self, weight: Weights) -> tuple[float, Interval | None]:
        """The sum of columns with `weight`, and its interval over examples."""
        return fieller_ratio(self.table, weight, np.zeros_like(weight)).numerator

    def gain(self, variant: str, row: str) -> Weights:
        """The weights of a row less the dirty one; of the dirty row less the clean one; the clean row gains nothing."""
        dirty, clean = self.weights[variant, DIRTY], self.weights[variant, CLEAN]
        if row == DIRTY:
            return dirty - clean
        return np.zeros_like(dirty) if row == CLEAN else self.weights[variant, row] - dirty

    def recovery(self, variant: str, row: str) -> Ratio:
        """The gain of a row over what the distractor costs; its numerator is the gain."""
        return fieller_ratio(self.table, self.gain(variant, row), -self.gain(variant, DIRTY))


def stored_as(condition: str, row: str) -> str:
    """The subset that a row is stored as: the dirty one of the first condition is the task's own result."""
    return "default" if (condition, row) == (FIRST.name, DIRTY) else subset_of(condition, row)


def paired_rows(
    store: Store, scored: pd.DataFrame, entries: Sequence[Entry], *, conditions: Sequence[str]
) -> Iterator[PairedRows]:
    """The rows of one task, condition by condition, so that only those of one are in memory.

    `scored` are rows of Store.scores of that task and of the systems of `entries`.
    """
    owner = {system.system_id: entry for entry in entries for system in entry.systems}
    for condition in conditions:
        row_of = {stored_as(condition, row): row for row in ROWS}
        here = scored[scored["subset"].isin(row_of)]
        for name, group in here.groupby("metric", sort=False):
            metric = get_metric(str(name))
            place = {int(each["result"]): each for each in group.to_dict("records")}
            for data in align(store.outcomes(results=group["result"]), metric=metric.name):
                table = metric.contributions(data)
                assert table is not None, "a score under distractors is tested elsewhere, and so splits over examples"
                columns: dict[tuple[str, str], dict[int | None, int]] = {}
                for number, column in data.column.items():
                    each = place[number]
                    seed = None if pd.isna(each["seed"]) else int(each["seed"])
                    key = (owner[each["system_id"]].variant, row_of[str(each["subset"])])
                    columns.setdefault(key, {})[seed] = column
                k = table.value_kd.shape[0]
                yield PairedRows(
                    base=entries[0].base,
                    task=str(group["task"].iloc[0]),
                    metric=metric.name,
                    condition=condition,
                    table=table,
                    weights={key: np.bincount(list(of.values()), minlength=k) / len(of) for key, of in columns.items()},
                    seeds={key: tuple(of) for key, of in columns.items()},
                )
