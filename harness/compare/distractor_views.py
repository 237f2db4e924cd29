"""What a distractor costs a system, what each cure gets back of it, and in both how a system differs from another."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
class CuredRow:
    """A variant that reads every text through a cure, beside the same variant without it, which is called `plain`.

    A cure that harms clean texts makes dirty less clean small and gains nothing: so each score is set against `plain`.
    `harm` is clean less the plain clean score, `gain` dirty less the plain dirty one, `lost` dirty less the plain clean
    one. Scores are means over seeds, in the unit that is stored.
    """

    base: str
    variant: str
    plain: str
    task: str
    metric: str
    condition: str
    clean: float
    dirty: float
    plain_clean: float
    plain_dirty: float
    harm: float
    harm_interval: Interval | None
    gain: float
    gain_interval: Interval | None
    lost: float
    lost_interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class Distractors:
    """All that `harness distractors` shows: rows, and the gate and the tokens of the cures as cells.

    `alone` are variants with a cure of their own that have no scores without it here.
    """

    rows: tuple[DistractorRow, ...]
    cured: tuple[CuredRow, ...]
    alone: tuple[str, ...]
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
    plain, named = _plain_of(entries), {entry.variant for entry in shown}
    rows: list[DistractorRow] = []
    cured: list[CuredRow] = []
    for scored in of_task.values():
        for each in _tables(store, scored, entries, conditions=asked):
            rows += [row for row in _rows(each, against=against) if row.variant in named]
            cured += [row for row in _cured_rows(each, plain) if row.variant in named]
    order = declared_contrasts().order({row.variant for row in rows})

    def place(row: DistractorRow | CuredRow) -> tuple[int, int, int]:
        return list(of_task).index(row.task), asked.index(row.condition), order.index(row.variant)

    rows.sort(key=place)
    cured.sort(key=place)
    known_plain = {row.variant for row in cured}
    alone = [entry.variant for entry in shown if _cure(entry) and entry.variant not in known_plain]

    def beside(names: Collection[str]) -> tuple[Cell, ...]:
        return tuple(cells(store, shown, scores=mine, tasks=set(of_task), subsets=names))

    return Distractors(
        rows=tuple(rows),
        cured=tuple(cured),
        alone=tuple(sorted(alone)),
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


def _cure(entry: Entry) -> object:
    return entry.systems[0].recipe.fields.get("reread")


def _plain_of(entries: Sequence[Entry]) -> dict[str, str]:
    """For each variant with a cure of its own: the one whose recipe differs in nothing else."""

    def recipe(entry: Entry) -> dict[str, object]:
        return {name: value for name, value in entry.systems[0].recipe.fields.items() if name != "reread"}

    variants = [entry for entry in entries if entry.kind == "variant"]
    return {
        entry.variant: other.variant
        for entry in variants
        for other in variants
        if _cure(entry) and not _cure(other) and recipe(entry) == recipe(other)
    }


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The columns of a task that are paired by example: by variant, condition and row, then by seed."""

    base: str
    task: str
    metric: str
    table: Contributions
    columns: Mapping[tuple[str, str, str], Mapping[int | None, int]]

    @property
    def weights(self) -> dict[tuple[str, str, str], np.ndarray]:
        """What the mean over the seeds of each row takes of each column."""
        k = self.zero.size
        return {key: np.bincount(list(of.values()), minlength=k) / len(of) for key, of in self.columns.items()}

    @property
    def zero(self) -> np.ndarray:
        """Nothing of any column."""
        return np.zeros(self.table.value_kd.shape[0])

    def estimate(self, weight: np.ndarray) -> tuple[float, Interval | None]:
        """The sum of columns with `weight`, and its interval over examples."""
        return fieller_ratio(self.table, weight, self.zero).numerator


def _tables(
    store: Store, scored: pd.DataFrame, entries: Sequence[Entry], *, conditions: Sequence[str]
) -> Iterator[_Table]:
    """The tables of one task; every system's columns stand in one, so that all is paired by example."""
    wanted = {_stored_as(condition, row): (condition, row) for condition in conditions for row in ROWS}
    here = scored[scored["subset"].isin(wanted)]
    owner = {system.system_id: entry for entry in entries for system in entry.systems}
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
            yield _Table(base=entries[0].base, task=task, metric=metric.name, table=table, columns=columns)


def _rows(of: _Table, *, against: str) -> list[DistractorRow]:
    weights = of.weights
    made = []
    for (variant, condition, row), weight in weights.items():
        if not {(variant, condition, DIRTY), (variant, condition, CLEAN)} <= set(weights):
            continue
        ratio = _recovery(of.table, weights, variant, condition, row)
        other = None
        if variant != against and {(against, condition, each) for each in (row, DIRTY, CLEAN)} <= set(weights):
            other = of.estimate(_gain(weights, variant, condition, row) - _gain(weights, against, condition, row))
        score, interval = of.estimate(weight)
        made.append(
            DistractorRow(
                base=of.base,
                variant=variant,
                task=of.task,
                metric=of.metric,
                condition=condition,
                row=row,
                n_examples=of.table.n_examples,
                seeds=tuple(of.columns[variant, condition, row]),
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


def _cured_rows(of: _Table, plain: Mapping[str, str]) -> Iterator[CuredRow]:
    """The rows of the variants of `plain` that have both scores, and so has the variant without the cure."""
    weights = of.weights
    for variant, condition, row in weights:
        if row != DIRTY or variant not in plain:
            continue
        keys = [(name, condition, kind) for name in (variant, plain[variant]) for kind in (CLEAN, DIRTY)]
        if not set(keys) <= set(weights):
            continue
        clean, dirty, plain_clean, plain_dirty = (weights[key] for key in keys)
        harm, gain, lost = map(of.estimate, (clean - plain_clean, dirty - plain_dirty, dirty - plain_clean))
        yield CuredRow(
            base=of.base,
            variant=variant,
            plain=plain[variant],
            task=of.task,
            metric=of.metric,
            condition=condition,
            clean=of.estimate(clean)[0],
            dirty=of.estimate(dirty)[0],
            plain_clean=of.estimate(plain_clean)[0],
            plain_dirty=of.estimate(plain_dirty)[0],
            harm=harm[0],
            harm_interval=harm[1],
            gain=gain[0],
            gain_interval=gain[1],
            lost=lost[0],
            lost_interval=lost[1],
        )


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
