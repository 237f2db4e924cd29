"""All that is shown of distractors: the command and the page ask here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.compare.cells import Cell, cells
from harness.compare.contrasts import declared_contrasts
from harness.compare.distractors.cured import CuredRow, cure_of, cured_rows, plain_of
from harness.compare.distractors.losses import DistractorRow, rows_of
from harness.compare.distractors.masks import MaskDifference, mask_differences
from harness.compare.distractors.paired import paired_rows
from harness.compare.entries import current_entries, find_base
from harness.errors import HarnessError, near_names
from harness.store import Store
from harness.suites.distractor import COST, GATE, TASK_TYPE, parts_of
from harness.suites.distractor.texts import FIRST


@dataclass(frozen=True, kw_only=True)
class Distractors:
    """All that `harness distractors` shows: rows, and the gate and the tokens of the cures as cells.

    `masks` answers the declared question. `against` is the variant that changes are set against. `alone` are variants
    with a cure of their own that have no scores without it here.
    """

    rows: tuple[DistractorRow, ...]
    cured: tuple[CuredRow, ...]
    masks: tuple[MaskDifference, ...]
    alone: tuple[str, ...]
    gate: tuple[Cell, ...]
    tokens: tuple[Cell, ...]
    conditions: tuple[str, ...]
    against: str


def distractor_rows(
    store: Store,
    *,
    base: str,
    tasks: Sequence[str] = (),
    variants: Collection[str] = (),
    conditions: Sequence[str] = (FIRST.name,),
    against: str | None = None,
) -> Distractors:
    """The rows of `variants` (none: all) on `tasks` (none: all) under `conditions` (none: all), and what belongs to
    them. Differences are to the variant `against` (None: the root of
    the declared contrasts, if it is there).

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
    names = {entry.variant for entry in entries}
    if against is not None and against not in names:
        raise HarnessError(f"{against!r} has no results with distractors on base {base}; {near_names(against, names)}")
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
    against = against or declared_contrasts().root
    plain, named = plain_of(entries), {entry.variant for entry in shown}
    cures, grid = {entry.variant: cure_of(entry) for entry in entries}, declared_contrasts().grid
    rows: list[DistractorRow] = []
    cured: list[CuredRow] = []
    masks: list[MaskDifference] = []
    for scored in of_task.values():
        for each in paired_rows(store, scored, entries, conditions=asked):
            rows += [row for row in rows_of(each, against=against) if row.variant in named]
            cured += [row for row in cured_rows(each, plain) if row.variant in named]
            masks += [row for row in mask_differences(each, grid, plain, cures) if {*row.variants} & named]
    order = declared_contrasts().order({row.variant for row in rows})
    rows.sort(key=lambda row: (list(of_task).index(row.task), asked.index(row.condition), order.index(row.variant)))
    cured.sort(key=lambda row: (list(of_task).index(row.task), asked.index(row.condition), order.index(row.variant)))
    known_plain = {row.variant for row in cured}
    alone = [entry.variant for entry in shown if cure_of(entry) and entry.variant not in known_plain]

    def beside(names: Collection[str]) -> tuple[Cell, ...]:
        return tuple(cells(store, shown, scores=mine, tasks=set(of_task), subsets=names))

    return Distractors(
        rows=tuple(rows),
        cured=tuple(cured),
        masks=tuple(masks),
        alone=tuple(sorted(alone)),
        gate=beside({str(s) for s in mine["subset"] if str(s).startswith(tuple(GATE))}),
        tokens=beside({str(s) for s in mine["subset"] if str(s).startswith(COST)}),
        conditions=tuple(found_conditions),
        against=against,
    )


def distracted_bases(store: Store) -> list[str]:
    """The bases that have results of distractors, as they are called, by name."""
    scores = store.scores(diagnostics=True)
    measured = set(scores.loc[scores["task_type"].eq(TASK_TYPE), "system_id"])
    if not measured:
        return []
    every = current_entries(store, scores=scores)
    return sorted({e.base for e in every if e.base and {system.system_id for system in e.systems} & measured})
