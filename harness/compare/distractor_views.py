"""What a distractor costs a system, what each cure gets back of it, and in both how a system differs from another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.compare.aligned import align
from harness.compare.cells import Cell, cells
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries, find_base
from harness.errors import HarnessError, near_names
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.stats.contributions import Contributions
from harness.stats.estimate import Interval
from harness.stats.fieller import Ratio, fieller_ratio
from harness.store import Store
from harness.suites.distractor import BY_SYSTEM, CLEAN, COST, DIRTY, GATE, ROWS, TASK_TYPE, parts_of, subset_of
from harness.suites.distractor.texts import FIRST


@dataclass(frozen=True, kw_only=True)
class DistractorRow:
    """A row of a system under a condition; scores are means over its seeds, in the unit that is stored.

    `score` has its interval, `gain` is the row less the dirty one (of the dirty row: less the clean one), `recovery`
    is gain over clean less dirty, None where it is not certain that the distractor costs anything. `beyond` is the gain
    less that of the system it is set against, None where that has no such row or is the system itself.
    """

    base: str
    variant: str
    task: str
    metric: str
    condition: str
    row: str
    n_examples: int
    seeds: tuple[int | None, ...]
    score: float
    interval: Interval | None
    gain: float
    gain_interval: Interval | None
    recovery: float | None
    recovery_interval: Interval | None
    beyond: float | None = None
    beyond_interval: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Distractors:
    """All that `harness distractors` shows: rows, and the gate and the tokens of the cures as cells."""

    rows: tuple[DistractorRow, ...]
    gate: tuple[Cell, ...]
    tokens: tuple[Cell, ...]
    conditions: tuple[str, ...]


def distractor_rows(
    store: Store,
    *,
    base: str,
    tasks: Sequence[str] = (),
    variants: Collection[str] = (),
    conditions: Sequence[str] = (FIRST.name,),
    against: str = "causal",
) -> Distractors:
    """The rows of `variants` (none: all) on `tasks` (none: all) under `conditions` (none: all), and what belongs to
    them. Differences are to the variant `against`.

    Raises HarnessError for a name that the store does not have.
    """
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    mine = scores[scores["task_type"].eq(TASK_TYPE)]
    measured = set(mine["system_id"])
    entries = [e for e in every if e.base == base and {system.system_id for system in e.systems} & measured]
    shown = [e for e in entries if not variants or e.variant in variants]
    if not shown:
        raise HarnessError(
            f"distractors were not measured for {', '.join(sorted(variants)) or 'any variant'} on base {base} yet; "
            f"measure them with `harness run --suite distractor --base {base}`"
        )
    ids = {system.system_id for entry in entries for system in entry.systems}
    mine = mine[mine["system_id"].isin(ids)]
    known = list(dict.fromkeys(mine["task"]))
    for name in tasks:
        if name not in known:
            raise HarnessError(f"the task {name!r} has no results with distractors; {near_names(name, known)}")
    found_conditions = [FIRST.name, *(parts[0] for each in mine["subset"] if (parts := parts_of(str(each))))]
    found_conditions = list(dict.fromkeys(found_conditions))
    for name in conditions:
        if name not in found_conditions:
            raise HarnessError(f"there is no condition {name!r}; {near_names(name, found_conditions)}")
    asked = tuple(conditions or found_conditions)
    of_task = {name: mine[mine["task"].eq(name)] for name in tasks or known}
    rows = [
        row
        for scored in of_task.values()
        for row in _rows(store, scored, entries, conditions=asked, against=against)
        if any(row.variant == entry.variant for entry in shown)
    ]
    order = declared_contrasts().order({row.variant for row in rows})
    rows.sort(key=lambda r: (list(of_task).index(r.task), asked.index(r.condition), order.index(r.variant)))

    def beside(names: Collection[str]) -> tuple[Cell, ...]:
        return tuple(cells(store, shown, scores=mine, tasks=set(of_task), subsets=names))

    return Distractors(
        rows=tuple(rows),
        gate=beside({str(s) for s in mine["subset"] if str(s).startswith(tuple(GATE))}),
        tokens=beside({str(s) for s in mine["subset"] if str(s).startswith(COST)}),
        conditions=tuple(found_conditions),
    )


def example_texts(
    store: Store, task: str, condition: str, *, base: str, count: int, variants: Collection[str] = ()
) -> list[dict[str, str]]:
    """What each row has of the first `count` examples of `task` under `condition`, by row; those it has.

    Rows that each system has texts of its own in are named with the variant (of `variants`; none: all), and so are
    those that a variant with a cure reads.
    """
    scores = store.scores(diagnostics=True)
    base = find_base(current_entries(store, scores=scores), base)
    mine = scores[scores["task"].eq(task) & scores["base"].eq(base)]
    splits = sorted(set(mine["split"]))
    texts = {
        row: store.example_texts(TaskPart(task, split, _stored_as(condition, row)))
        for split in splits
        for row in ROWS
        if row not in BY_SYSTEM
    }
    names = list(texts[CLEAN])[:count]
    row_of = {_stored_as(condition, row): row for row in ROWS}
    here = mine[mine["subset"].isin(row_of)]
    made = store.made_texts(here["result"])
    for result, variant, subset in here[["result", "variant", "subset"]].values.tolist():
        if result in made and (not variants or variant in variants):
            row = row_of[subset]
            texts.setdefault(f"{row}, {variant}" if row in BY_SYSTEM else f"{row}, as {variant} reads it", made[result])
    return [{row: found[name] for row, found in texts.items() if name in found} for name in names]


def _stored_as(condition: str, row: str) -> str:
    return "default" if (condition, row) == (FIRST.name, DIRTY) else subset_of(condition, row)


def _rows(
    store: Store, scored: pd.DataFrame, entries: Sequence[Entry], *, conditions: Sequence[str], against: str
) -> list[DistractorRow]:
    """The rows of one task; every system's columns stand in one table, so that all is paired by example."""
    wanted = {_stored_as(condition, row): (condition, row) for condition in conditions for row in ROWS}
    here = scored[scored["subset"].isin(wanted)]
    owner = {system.system_id: entry for entry in entries for system in entry.systems}
    made: list[DistractorRow] = []
    for name, group in here.groupby("metric", sort=False):
        metric = get_metric(str(name))
        place = {int(r["result"]): r for r in group.to_dict("records")}
        for data in align(store.outcomes(results=group["result"]), metric=metric.name):
            table = metric.contributions(data)
            assert table is not None, "a score under distractors is tested elsewhere, and so splits over examples"
            columns: dict[tuple[str, str, str], dict[int | None, int]] = {}
            for number, column in data.column.items():
                row, entry = place[number], owner[place[number]["system_id"]]
                condition, kind = wanted[str(row["subset"])]
                seed = None if pd.isna(row["seed"]) else int(row["seed"])
                for each in conditions if kind == CLEAN else (condition,):
                    columns.setdefault((entry.variant, each, kind), {})[seed] = column
            task = str(group["task"].iloc[0])
            made += _of_table(table, columns, base=entries[0].base, task=task, metric=metric.name, against=against)
    return made


def _of_table(
    table: Contributions,
    columns: Mapping[tuple[str, str, str], Mapping[int | None, int]],
    *,
    base: str,
    task: str,
    metric: str,
    against: str,
) -> list[DistractorRow]:
    k = table.value_kd.shape[0]
    weights = {key: np.bincount(list(of.values()), minlength=k) / len(of) for key, of in columns.items()}
    made = []
    for (variant, condition, row), weight in weights.items():
        if not {(variant, condition, DIRTY), (variant, condition, CLEAN)} <= set(weights):
            continue
        ratio = _recovery(table, weights, variant, condition, row)
        other = None
        if variant != against and {(against, condition, each) for each in (row, DIRTY, CLEAN)} <= set(weights):
            apart = _gain(weights, variant, condition, row) - _gain(weights, against, condition, row)
            other = fieller_ratio(table, apart, np.zeros(k)).numerator
        score, interval = fieller_ratio(table, weight, np.zeros(k)).numerator
        of = columns[variant, condition, row]
        made.append(
            DistractorRow(
                base=base,
                variant=variant,
                task=task,
                metric=metric,
                condition=condition,
                row=row,
                n_examples=table.n_examples,
                seeds=tuple(of),
                score=score,
                interval=interval,
                gain=ratio.numerator[0],
                gain_interval=ratio.numerator[1],
                recovery=None if row in (CLEAN, DIRTY) else ratio.value,
                recovery_interval=None if row in (CLEAN, DIRTY) else ratio.interval,
                beyond=other[0] if other else None,
                beyond_interval=other[1] if other else None,
            )
        )
    return sorted(made, key=lambda each: ROWS.index(each.row))


def _gain(weights: Mapping[tuple[str, str, str], np.ndarray], variant: str, condition: str, row: str) -> np.ndarray:
    """The weights of a row less the dirty one; of the dirty row less the clean one; the clean row gains nothing."""
    dirty, clean = weights[variant, condition, DIRTY], weights[variant, condition, CLEAN]
    if row == DIRTY:
        return dirty - clean
    return np.zeros_like(dirty) if row == CLEAN else weights[variant, condition, row] - dirty


def _recovery(
    table: Contributions,
    weights: Mapping[tuple[str, str, str], np.ndarray],
    variant: str,
    condition: str,
    row: str,
) -> Ratio:
    lost = weights[variant, condition, CLEAN] - weights[variant, condition, DIRTY]
    return fieller_ratio(table, _gain(weights, variant, condition, row), lost)
