"""The words page: what a word's vector knows, by position, by layer, by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare import Cell, Places
from harness.suites.words import PAPER_TYPE
from leaderboard.beside import Beside, with_layers, without_score
from leaderboard.figures import Figure, place_curves, score_forest
from leaderboard.model import Base, Row, Task
from leaderboard.published import Published

# XBefore, XAt and XAfter ask one question on the sides of a word, and share a chart.
_SIDES = ("Before", "At", "After")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question to words: its tasks, their charts, and the numbers in them as rows of a table."""

    label: str
    tasks: tuple[Task, ...]
    by_position: Figure | None
    by_layer: tuple[tuple[Task, Figure], ...]
    forests: tuple[tuple[Task, Markup], ...]
    beside: tuple[Beside, ...]
    rows: tuple[tuple[Row, Task, Cell], ...]


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """What belongs to no task that has a score: its charts by layer, and the rest as a table."""

    beside: Beside
    by_layer: tuple[tuple[str, Figure], ...]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The questions of one base, by type of task."""

    base: Base
    types: Mapping[str, tuple[Question, ...]]
    diagnostics: tuple[Diagnostic, ...]
    published: Published | None


def make_words(
    base: Base,
    places: Mapping[Task, Places],
    beside: dict[str, Beside],
    *,
    published: Published | None = None,
    ident: str,
) -> Words:
    """Arrange the tasks of `places`, those whose outcomes name a layer or a position, and what is beside them."""
    read = [task for task in base.tasks if task in places]
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in read:
        groups.setdefault((task.task_type, _stem(task, read)), []).append(task)
    types: dict[str, list[Question]] = {}
    for i, ((kind, label), tasks) in enumerate(groups.items()):
        question = _question(base, label, tasks, places, beside, ident=f"{ident}-{i}")
        types.setdefault(kind, []).append(question)
    return Words(
        base=base,
        types={kind: tuple(found) for kind, found in types.items()},
        diagnostics=tuple(
            _diagnostic(base, each, ident=f"{ident}-d{i}")
            for i, each in enumerate(without_score(base, beside))
            if each.task_type != PAPER_TYPE
        ),
        published=published,
    )


def _diagnostic(base: Base, beside: Beside, *, ident: str) -> Diagnostic:
    drawn = []
    for i, each in enumerate(beside.layered):
        title = f"{beside.task}, {each.name}: by layer"
        figure = place_curves([each.places], each.metric, base.all_rows, by="layer", title=title, ident=f"{ident}l{i}")
        if figure is not None:
            drawn.append((each.name, figure))
    return Diagnostic(beside=beside, by_layer=tuple(drawn))


def _stem(task: Task, others: Sequence[Task]) -> str:
    """Return what a task is called without its side, if another side of it is there."""
    labels = {other.label for other in others}
    for side in _SIDES:
        stem = task.label.removesuffix(side)
        if stem != task.label and any(stem + other in labels for other in _SIDES if other != side):
            return stem
    return task.label


def _question(
    base: Base,
    label: str,
    tasks: Sequence[Task],
    places: Mapping[Task, Places],
    beside: dict[str, Beside],
    *,
    ident: str,
) -> Question:
    found = [(task, places[task]) for task in tasks]
    rows = base.all_rows
    by_name = {row.entry.name: row for row in rows}
    positions = place_curves(
        [read for _, read in found],
        tasks[0].metrics[0],
        rows,
        by="position",
        title=f"{label}: score by token position",
        ident=f"{ident}p",
    )
    mine = {task: read for task, read in with_layers(base, dict(found), beside).items() if task in tasks}
    layers = []
    for i, (task, read) in enumerate(mine.items()):
        title = f"{task.label}: score by layer"
        figure = place_curves([read], task.metrics[0], rows, by="layer", title=title, ident=f"{ident}l{i}")
        if figure is not None:
            layers.append((task, figure))
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
        beside=tuple(beside[task.name[0]] for task in tasks if task.name[0] in beside),
        rows=tuple(table) if positions or layers else (),
    )
