"""Results that are stored and shown but never tested: controls of word tasks, and the same probe on every layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from harness.compare.cells import Cell, Places, cells_of, read_places
from harness.store import Store
from harness.suites.distractor import TASK_TYPE as DISTRACTORS
from leaderboard.model import BaseSection, TaskColumn


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """The diagnostics of one task, which need not have a score: controls, and results that were read at several layers.

    The cells of a result name its subset and its metric.
    """

    task: str
    task_type: str
    layered: tuple[Places, ...]
    controls: tuple[Cell, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The controls, in the order in which they were stored."""
        return tuple(dict.fromkeys(cell.subset for cell in self.controls))

    def of(self, variant: str, name: str) -> Cell | None:
        """Return one control of one variant."""
        return next((cell for cell in self.controls if cell.variant == variant and cell.subset == name), None)

    def has(self, variant: str) -> bool:
        """Whether a variant has any control."""
        return any(cell.variant == variant for cell in self.controls)


def read_diagnostics(store: Store, base: BaseSection, everything: pd.DataFrame) -> dict[str, Diagnostics]:
    """Return the diagnostics of `base` by task; `everything` is Store.scores with `diagnostics`.

    Outcomes are read a result's group at a time.
    """
    entries = [row.entry for row in base.all_rows]
    mine = {system.system_id for entry in entries for system in entry.systems}
    scored = {(task.name.task, task.name.subset) for task in base.tasks}
    # Distractors have a hundred subsets a task, and a page of their own.
    here = everything[everything["system_id"].isin(mine) & everything["task_type"].ne(DISTRACTORS)]
    untested = [(task, subset) not in scored for task, subset in zip(here["task"], here["subset"], strict=True)]
    found: dict[str, Diagnostics] = {}
    for task, of_task in here[untested].groupby("task", sort=False):
        layered: list[Places] = []
        controls: list[Cell] = []
        for _, group in of_task.groupby(["subset", "metric"], sort=False):
            outcomes = store.outcomes(results=group["result"])
            if outcomes["layer"].nunique() > 1:
                read = read_places(outcomes, entries, scores=group)
                if read is not None and read.cells:
                    layered.append(read)
            else:
                controls += cells_of(outcomes, entries, scores=group)
        found[str(task)] = Diagnostics(
            task=str(task),
            task_type=str(of_task["task_type"].iloc[0]),
            layered=tuple(layered),
            controls=tuple(controls),
        )
    return found


def with_layers(
    base: BaseSection, places: Mapping[TaskColumn, Places], diagnostics: Mapping[str, Diagnostics]
) -> dict[TaskColumn, Places]:
    """Return the places of each word task, at every layer where they were measured."""
    read: dict[TaskColumn, Places] = {}
    for task in base.tasks:
        mine = diagnostics.get(task.name.task)
        same = [each for each in mine.layered if each.cells[0].metric in task.metrics] if mine else []
        if same:
            read[task] = same[0]
        elif task in places:
            read[task] = places[task]
    return read


def without_score(base: BaseSection, diagnostics: Mapping[str, Diagnostics]) -> list[Diagnostics]:
    """Return the diagnostics that belong to no task with a score."""
    scored = {task.name.task for task in base.tasks}
    return [each for name, each in diagnostics.items() if name not in scored]
