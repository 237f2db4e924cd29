"""The main table beyond its scores: a mean a type, how good a score is in its column, every two variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.compare.ranking import Place
from harness.metrics import get_metric
from harness.stage_record import StageManifest
from leaderboard.model import BaseSection, ComparedPair, TableRow, TaskColumn
from leaderboard.papertable import caption_of

SHADES = 8  # steps of the style sheet


@dataclass(frozen=True, kw_only=True)
class TypeGroup:
    """Tasks of one type; `averaged` where there are several and all are in points."""

    name: str
    tasks: tuple[TaskColumn, ...]
    averaged: bool

    @property
    def width(self) -> int:
        """The number of its columns."""
        return len(self.tasks) + self.averaged

    def mean(self, row: TableRow) -> float | None:
        """Return the mean of a row over the tasks of the type; None if one of them was not measured."""
        scores = [_score(row, task) for task in self.tasks]
        known = [score for score in scores if score is not None]
        return sum(known) / len(known) if self.averaged and len(known) == len(scores) else None


@dataclass(frozen=True, kw_only=True)
class Facing:
    """One cell of the matrix: the page of two variants, and what the mean says of the row against the column."""

    pair: ComparedPair
    verdict: str

    @property
    def label(self) -> str:
        """Row against column, in words."""
        return self.verdict or "not tested"


@dataclass(frozen=True, kw_only=True)
class Board:
    """The table of a base. `trained` and `tokens` are by variant and empty where nothing of them is stored.

    `matrix` has a row a variant: its cells are one for each variant before it (below the diagonal), None where the two
    were not compared.
    """

    groups: tuple[TypeGroup, ...]
    shades: Mapping[tuple[str, str], int]
    trained: Mapping[str, int]
    tokens: Mapping[str, int]
    matrix: tuple[tuple[TableRow, tuple[Facing | None, ...]], ...]
    n_tested: int  # pairs whose means are tested at once

    def shade(self, row: TableRow, column: str) -> str:
        """Return the class of a cell, darker where it is nearer to the best of its column; empty for none."""
        found = self.shades.get((row.key, column))
        return "" if found is None else f" h{found}"

    @property
    def extra(self) -> int:
        """The number of columns before the tasks."""
        return 5 + bool(self.trained) + bool(self.tokens)


def make_board(base: BaseSection, stages: Mapping[str, StageManifest]) -> Board:
    """Arrange the table of `base`; nothing here is tested anew."""
    types: dict[str, list[TaskColumn]] = {}
    for task in base.columns:
        types.setdefault(task.task_type, []).append(task)
    groups = tuple(
        TypeGroup(name=name, tasks=tuple(tasks), averaged=len(tasks) > 1 and all(map(_in_points, tasks)))
        for name, tasks in sorted(types.items())
    )
    columns = {task.key: {row.key: _score(row, task) for row in base.rows} for task in base.columns}
    columns |= {f"mean-{g.name}": {row.key: g.mean(row) for row in base.rows} for g in groups if g.averaged}
    columns["mean"] = {row.key: row.place.score if row.place else None for row in base.rows}
    lower = {task.key for task in base.columns if get_metric(task.metrics[0]).better == "lower"}
    shades = {
        (row, column): shade
        for column, values in columns.items()
        for row, shade in _shades(values, lower=column in lower).items()
    }
    trained, tokens = {}, {}
    for row in base.rows:
        made = [stages.get(digest) for digest in row.entry.systems[0].stage_digests]
        counts = [stage.trained for stage in made if stage is not None and stage.trained is not None]
        read = [stage.tokens for stage in made if stage is not None and stage.tokens is not None]
        if counts and len(counts) == len(made):
            trained[row.entry.variant] = max(counts)
        if read and len(read) == len(made):
            tokens[row.entry.variant] = sum(read)
    places = {place.variant: place for place in base.ranks.overall.places} if base.ranks.overall else {}
    ranked = len(places) if not base.ranks.few else 0
    return Board(
        groups=groups, shades=shades, trained=trained, tokens=tokens, n_tested=ranked * (ranked - 1) // 2,
        matrix=_matrix(base, places if ranked else {}),
    )  # fmt: skip


def caption_for_paper(base: BaseSection, root: str) -> str:
    """Say what the marks of the table mean, over which tests, seeds and examples; empty where nothing is compared."""
    pairs = [pair.comparison for pair in base.pairs if pair.names[1] == root and pair.comparison.tasks]
    return caption_of(pairs, mean=False) if pairs else ""


def _in_points(task: TaskColumn) -> bool:
    metrics = [get_metric(name) for name in task.metrics]
    return not task.is_retention and all(m.better == "higher" and m.scale == 100.0 for m in metrics)


def _score(row: TableRow, task: TaskColumn) -> float | None:
    return next((cell.score.score for cell in row.cells if cell.task == task and cell.score), None)


def _shades(values: Mapping[str, float | None], *, lower: bool) -> dict[str, int]:
    known = {row: value for row, value in values.items() if value is not None}
    least, most = min(known.values(), default=0.0), max(known.values(), default=0.0)
    if least == most:
        return {}
    shares = {row: (value - least) / (most - least) for row, value in known.items()}
    return {row: round((SHADES - 1) * (1 - share if lower else share)) for row, share in shares.items()}


def _matrix(base: BaseSection, places: Mapping[str, Place]) -> tuple[tuple[TableRow, tuple[Facing | None, ...]], ...]:
    pairs = {frozenset(pair.names): pair for pair in base.pairs}

    def face(row: TableRow, column: TableRow) -> Facing | None:
        names = (row.entry.variant, column.entry.variant)
        pair = pairs.get(frozenset(names))
        return None if pair is None else Facing(pair=pair, verdict=_verdict(*(places.get(name) for name in names)))

    return tuple((row, tuple(face(row, column) for column in base.rows[:i])) for i, row in enumerate(base.rows))


def _verdict(row: Place | None, column: Place | None) -> str:
    """Two that share a letter were not told apart by the tests of all pairs, on which ranks and letters rest."""
    if row is None or column is None:
        return ""
    if set(row.letters) & set(column.letters):
        return "undecided"
    return "better" if row.score > column.score else "worse"
