"""The words page: what a word's vector knows, by position, by layer, by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare import Places, PlaceScore
from leaderboard.figures import Figure, place_curves, score_forest
from leaderboard.model import Base, Row, Task

_SIDES = ("Before", "After")  # XBefore and XAfter ask one question on two sides of the word, and share a chart


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question to words: its tasks, their charts, and the numbers in them as rows of a table."""

    label: str
    tasks: tuple[Task, ...]
    by_position: Figure | None
    by_layer: Figure | None
    forests: tuple[Markup, ...]
    rows: tuple[tuple[Row, Task, PlaceScore], ...]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The questions of one base, by type of task."""

    base: Base
    types: Mapping[str, tuple[Question, ...]]


def make_words(base: Base, places: Mapping[Task, Places]) -> Words:
    """Arrange the tasks of `places`: those whose outcomes name a layer or a position."""
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in base.tasks:
        if task in places:
            groups.setdefault((task.task_type, _stem(task)), []).append(task)
    types: dict[str, list[Question]] = {}
    for i, ((kind, label), tasks) in enumerate(groups.items()):
        types.setdefault(kind, []).append(_question(base, label, tasks, places, ident=f"w{base.key}-{i}"))
    return Words(base=base, types={kind: tuple(found) for kind, found in types.items()})


def _stem(task: Task) -> str:
    for side in _SIDES:
        if task.name[0].endswith(side) and task.label == task.name[0]:
            return task.label.removesuffix(side)
    return task.label


def _question(base: Base, label: str, tasks: Sequence[Task], places: Mapping[Task, Places], *, ident: str) -> Question:
    found = [(task, places[task]) for task in tasks]
    rows = base.all_rows
    by_name = {row.entry.name: row for row in rows}
    positions = place_curves(
        found, rows, by="position", at=None, title=f"{label}: score by token position", ident=f"{ident}p"
    )
    layers = place_curves(found[:1], rows, by="layer", at=None, title=f"{label}: score by layer", ident=f"{ident}l")
    drawn = () if positions or layers else tuple(score_forest(base, t, f"{ident}f{i}") for i, t in enumerate(tasks))
    order = {row.entry.name: i for i, row in enumerate(rows)}
    table = [(by_name[s.entry], task, s) for task, read in found for s in read.scores if s.entry in by_name]
    table.sort(key=lambda each: order[each[2].entry])
    return Question(
        label=label,
        tasks=tuple(tasks),
        by_position=positions,
        by_layer=layers,
        forests=drawn,
        rows=tuple(table) if positions or layers else (),
    )
