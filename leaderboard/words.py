"""The words page: probes on the vectors of single words, by position, layer and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from harness.compare.cells import Cell, Places
from harness.reproduce import PaperTable, compare_with_paper, in_lines
from harness.store import Store
from harness.suites.catalog import layered_tasks
from harness.suites.words.feng2025 import TASK_TYPE as PAPER_TYPE
from harness.suites.words.figures import paper_base
from leaderboard.diagnostics import Diagnostics, with_layers, without_score
from leaderboard.figures import LineChart, place_charts, score_forest
from leaderboard.model import BaseSection, TableRow, TaskColumn

# XBefore, XAt and XAfter ask one question on the sides of a word, and share a chart.
_SIDES = ("Before", "At", "After")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question to words: its tasks, their charts, and the numbers in them as rows of a table."""

    label: str
    tasks: tuple[TaskColumn, ...]
    by_position: tuple[LineChart, ...]
    by_layer: tuple[tuple[TaskColumn, tuple[LineChart, ...]], ...]
    forests: tuple[tuple[TaskColumn, Markup], ...]
    diagnostics: tuple[Diagnostics, ...]
    rows: tuple[tuple[TableRow, TaskColumn, Cell], ...]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The questions of one base, by type of task."""

    base: BaseSection
    types: Mapping[str, tuple[Question, ...]]
    diagnostics: tuple[Diagnostics, ...]  # those of no task with a score
    published: PaperTable | None


def make_words(
    base: BaseSection,
    places: Mapping[TaskColumn, Places],
    diagnostics: Mapping[str, Diagnostics],
    *,
    published: PaperTable | None = None,
    ident: str,
) -> Words:
    """Arrange the tasks of `places`, whose outcomes name a layer or a position, with their diagnostics."""
    read = [task for task in base.tasks if task in places]
    groups: dict[tuple[str, str], list[TaskColumn]] = {}
    for task in read:
        groups.setdefault((task.task_type, _stem(task, read)), []).append(task)
    elsewhere = {PAPER_TYPE, *(task.task_type for task in layered_tasks())}
    types: dict[str, list[Question]] = {}
    for i, ((kind, label), tasks) in enumerate(groups.items()):
        question = _question(base, label, tasks, places, diagnostics, ident=f"{ident}-{i}")
        types.setdefault(kind, []).append(question)
    return Words(
        base=base,
        types={kind: tuple(found) for kind, found in types.items()},
        diagnostics=tuple(d for d in without_score(base, diagnostics) if d.task_type not in elsewhere),
        published=published,
    )


def read_published(store: Store, base: BaseSection, everything: pd.DataFrame) -> PaperTable | None:
    """Return Feng et al. 2025 next to `base`; None if `everything` (of Store.scores) has none of its tasks."""
    systems = [system for row in base.rows for system in row.entry.systems]
    mine = everything["system_id"].isin([system.system_id for system in systems])
    if not base.name or not (mine & everything["task_type"].eq(PAPER_TYPE)).any():
        return None
    paper = paper_base(systems[0].base, None)
    return in_lines(compare_with_paper(store, base=base.name, paper_base=paper), paper)


def diagnostic_curves(base: BaseSection, found: Diagnostics, ident: str) -> list[tuple[str, tuple[LineChart, ...]]]:
    """Draw the results of `found` that were read at several layers, by name."""
    drawn = []
    for i, each in enumerate(found.layered):
        name, metric = each.cells[0].subset, each.cells[0].metric
        title = f"{found.task}, {name}: by layer"
        charts = place_charts([each], metric, base.all_rows, by="layer", title=title, ident=f"{ident}l{i}")
        if charts:
            drawn.append((name, charts))
    return drawn


def _stem(task: TaskColumn, others: Sequence[TaskColumn]) -> str:
    """Return what a task is called without its side, if another side of it is there."""
    labels = {other.label for other in others}
    for side in _SIDES:
        stem = task.label.removesuffix(side)
        if stem != task.label and any(stem + other in labels for other in _SIDES if other != side):
            return stem
    return task.label


def _question(
    base: BaseSection,
    label: str,
    tasks: Sequence[TaskColumn],
    places: Mapping[TaskColumn, Places],
    diagnostics: Mapping[str, Diagnostics],
    *,
    ident: str,
) -> Question:
    found = [(task, places[task]) for task in tasks]
    rows = base.all_rows
    by_name = {row.entry.name: row for row in rows}
    positions = place_charts(
        [read for _, read in found],
        tasks[0].metrics[0],
        rows,
        by="position",
        title=f"{label}: score by token position",
        ident=f"{ident}p",
    )
    mine = {task: read for task, read in with_layers(base, dict(found), diagnostics).items() if task in tasks}
    layers = []
    for i, (task, read) in enumerate(mine.items()):
        title = f"{task.label}: score by layer"
        charts = place_charts([read], task.metrics[0], rows, by="layer", title=title, ident=f"{ident}l{i}")
        if charts:
            layers.append((task, charts))
    drawn = tuple((task, score_forest(base, task, f"{ident}f{i}")) for i, task in enumerate(tasks))
    order = {row.entry.name: i for i, row in enumerate(rows)}
    table = [
        (by_name[c.base, c.variant], task, c)
        for task, read in found
        for c in read.cells
        if (c.base, c.variant) in by_name
    ]
    table.sort(key=lambda each: order[each[0].entry.name])
    return Question(
        label=label,
        tasks=tuple(tasks),
        by_position=positions,
        by_layer=tuple(layers),
        forests=() if positions or layers else drawn,
        diagnostics=tuple(diagnostics[task.name.task] for task in tasks if task.name.task in diagnostics),
        rows=tuple(table) if positions or layers else (),
    )
