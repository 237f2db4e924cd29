"""The results of all bases of an axis on one task, and which of them can be set side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.sums import LevelSum
from harness.compare.axis.width import name_at
from harness.compare.contrasts import VariantContrast
from harness.compare.estimates import SeedColumns
from harness.compare.one_task import AskedAlike, Cells, Name, place_entries, why_apart
from harness.metrics import get_metric
from harness.outcomes import TaskKey, TaskPart
from harness.stats.contributions import Contributions


@dataclass(frozen=True, kw_only=True)
class AxisTable:
    """Results that can be compared, as what each unit adds to them; `table` is None where nothing is tested."""

    key: TaskKey
    task_type: str
    table: Contributions | None


@dataclass(frozen=True, kw_only=True)
class AxisTask:
    """A task: its `tables`, and in which of them the results of each entry stand, in which columns."""

    name: TaskPart
    tables: tuple[AxisTable, ...]
    place: Mapping[Name, tuple[AxisTable, SeedColumns]]

    def bases(self, step: VariantContrast, bases: Sequence[str]) -> tuple[str, ...]:
        """Return those of `bases` on which both variants of a step were measured."""
        return tuple(b for b in bases if (b, step.variant) in self.place and (b, step.against) in self.place)

    def home(self, step: VariantContrast, bases: Sequence[str]) -> AxisTable | None:
        """Return the table that holds a step on all `bases`, None if there is no base or no such table."""
        found = [self.place[base, name][0] for base in bases for name in (step.variant, step.against)]
        return found[0] if found and all(each is found[0] for each in found) else None


def read_task(name: TaskPart, cells: Cells, outcomes: pd.DataFrame) -> tuple[AxisTask, list[AskedAlike], list[str]]:
    """Return a task, the groups that its tables were made of, and what is left out of it.

    The number of the layer is left out where a result was read at one only: the last layer has another number in a
    deeper base, and is the same question. A result that was read at several layers keeps their numbers.
    """
    single = outcomes.groupby("result")["layer"].transform("nunique") == 1
    groups, place, problems = place_entries(name, cells, outcomes.assign(layer=outcomes["layer"].mask(single)))
    tables = [
        AxisTable(key=g.key, task_type=g.task_type, table=get_metric(g.key.metric).contributions(g.data))
        for g in groups
    ]
    of_group = {id(group): table for group, table in zip(groups, tables, strict=True)}
    task = AxisTask(
        name=name,
        tables=tuple(tables),
        place={entry: (of_group[id(group)], columns) for entry, (group, columns) in place.items()},
    )
    return task, groups, [f"On base {p.entry[0]}, {p.sentence}." for p in problems if p.entry]


def not_measured(
    axis: BaseAxis, steps: Sequence[VariantContrast], tasks: Sequence[AxisTask], *, width: int | None = None
) -> list[str]:
    """Say on which tasks a base lacks a variant of a step that is measured on other bases of the axis, at `width`."""
    lacking: dict[tuple[str, str], dict[str, None]] = {}
    for task in tasks:
        for step in steps:
            if not task.bases(step, axis.bases):
                continue
            for base in axis.bases:
                for variant in (step.variant, step.against):
                    if (base, variant) not in task.place:
                        lacking.setdefault((variant, base), {})[task.name.task] = None
    said = []
    for (of, base), names in lacking.items():
        variant = name_at(of, width)
        few = ", ".join([*names][:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        said.append(
            f"{variant} was not measured on {base} for {few}, so {base} is left out of the steps to and from it there; "
            f"measure it with `harness run --variant {variant} --base {base}`."
        )
    return said


def not_alike(
    axis: BaseAxis, steps: Sequence[VariantContrast], sums: Sequence[LevelSum], task: AxisTask, cells: Cells,
    outcomes: pd.DataFrame,
) -> list[str]:  # fmt: skip
    """Say of which bases the results of a task cannot be set side by side, and why."""
    said: dict[str, None] = {}
    for step, each in ((step, each) for step in steps for each in sums):
        names = [name for name, _ in each.weights]
        bases = [base for level in axis.levels if level.name in names for base in task.bases(step, level.bases)]
        if not bases or task.home(step, bases) is not None:
            continue
        entries = [(base, variant) for base in bases for variant in (step.against, step.variant)]
        home = task.place[entries[0]][0]
        other = next(entry for entry in entries if task.place[entry][0] is not home)
        reason = why_apart((entries[0], other), cells, outcomes)
        who = f"{entries[0][1]} on {entries[0][0]} and {other[1]} on {other[0]}"
        said[f"{task.name.task}: the results of {who} cannot be compared: {reason}."] = None
    return list(said)
