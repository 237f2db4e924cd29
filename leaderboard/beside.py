"""What stands beside the scores of word tasks: controls, and the same probe on every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare import Cell, Places, read_places
from harness.compare.cells import cells_of
from harness.store import Store
from leaderboard.model import Base, Task


@dataclass(frozen=True, kw_only=True)
class Layered:
    """A result that was read at several layers."""

    name: str
    metric: str
    places: Places


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Of one task (named, for it need not have a score): results at each layer, and controls by variant and name."""

    task: str
    task_type: str
    layered: tuple[Layered, ...]
    controls: tuple[Cell, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The controls, in the order in which they were stored."""
        return tuple(dict.fromkeys(cell.subset for cell in self.controls))

    def of(self, variant: str, name: str) -> Cell | None:
        """Return one control of one variant."""
        return next((cell for cell in self.controls if cell.variant == variant and cell.subset == name), None)

    def has(self, variant: str) -> bool:
        """Whether a variant has any."""
        return any(cell.variant == variant for cell in self.controls)


def read_beside(store: Store, base: Base, everything: pd.DataFrame) -> dict[str, Beside]:
    """Return what `everything` (Store.scores with `beside`) holds beside the scores of `base`, by task.

    Outcomes are read a result's group at a time.
    """
    entries = [row.entry for row in base.all_rows]
    mine = {system.system_id for entry in entries for system in entry.systems}
    scored = {(task.name[0], task.name[2]) for task in base.tasks}
    here = everything[everything["system_id"].isin(mine)]
    aside = [(task, subset) not in scored for task, subset in zip(here["task"], here["subset"], strict=True)]
    found: dict[str, Beside] = {}
    for task, of_task in here[aside].groupby("task", sort=False):
        layered: list[Layered] = []
        controls: list[Cell] = []
        for (subset, name), group in of_task.groupby(["subset", "metric"], sort=False):
            outcomes = store.outcomes(results=group["result"])
            if outcomes["layer"].nunique() > 1:
                read = read_places(outcomes, entries, scores=group)
                if read is not None:
                    layered.append(Layered(name=str(subset), metric=str(name), places=read))
            else:
                controls += cells_of(outcomes, entries, scores=group)
        found[str(task)] = Beside(
            task=str(task),
            task_type=str(of_task["task_type"].iloc[0]),
            layered=tuple(layered),
            controls=tuple(controls),
        )
    return found


def with_layers(base: Base, places: dict[Task, Places], beside: dict[str, Beside]) -> dict[Task, Places]:
    """Return the places of each word task, at every layer where they were measured."""
    read: dict[Task, Places] = {}
    for task in base.tasks:
        aside = beside.get(task.name[0])
        same = [each for each in aside.layered if each.metric in task.metrics] if aside else []
        if same:
            read[task] = same[0].places
        elif task in places:
            read[task] = places[task]
    return read


def without_score(base: Base, beside: dict[str, Beside]) -> Sequence[Beside]:
    """Return what belongs to no task that has a score: diagnostics of their own."""
    scored = {task.name[0] for task in base.tasks}
    return [each for name, each in beside.items() if name not in scored]
