"""Mask × training: the means of the variants side by side, and those of the rows without training beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.contrasts import Contrasts
from harness.metrics import get_metric
from leaderboard.charts.curves import Point, Series, curves, swatch
from leaderboard.figures import LineChart
from leaderboard.model import BaseSection, ComparedPair, TableRow, TaskColumn

_MASKS = ("causal", "bidirectional")


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """One kind of training: the two rows of the table with their means (causal, bidirectional), and their comparison.

    A mean is in points; None where the variant was not measured. The comparison is over all tasks that the two share,
    which may be more than those of the table.
    """

    training: str
    cells: tuple[tuple[TableRow, float] | None, ...]
    pair: ComparedPair | None

    @property
    def difference(self) -> float | None:
        """The second mean minus the first, over the tasks of the table; None where one is missing."""
        first, second = self.cells
        return None if first is None or second is None else (second[1] - first[1]) / 100


@dataclass(frozen=True, kw_only=True)
class MaskGrid:
    """The table of a base; means are over `tasks`, on which all that is shown was measured."""

    rows: tuple[GridRow, ...]
    beside: tuple[tuple[TableRow, float], ...]
    tasks: tuple[TaskColumn, ...]
    chart: LineChart


def make_grid(base: BaseSection, contrasts: Contrasts, ident: str) -> MaskGrid | None:
    """Mask × training of `base`; None unless both masks were measured with two kinds of training or more."""
    here = {row.entry.variant: row for row in base.rows}
    grid = [each for each in contrasts.grid if here.keys() & set(each.masks)]
    if sum(here.keys() >= set(each.masks) for each in grid) < 2:
        return None
    shown = [here[name] for each in grid for name in each.masks if name in here]
    beside = [here[name] for name in contrasts.beside if name in here]
    tasks = tuple(
        task for task in base.columns if _counts(task) and all(_score(row, task) is not None for row in shown)
    )
    beside = [row for row in beside if all(_score(row, task) is not None for task in tasks)]
    if not tasks:
        return None
    pairs = {pair.names: pair for pair in base.pairs}
    rows = tuple(
        GridRow(
            training=each.training,
            cells=tuple((here[name], _mean(here[name], tasks)) if name in here else None for name in each.masks),
            pair=pairs.get((each.bidirectional, each.causal)),
        )
        for each in grid
    )
    means = tuple((row, _mean(row, tasks)) for row in beside)
    return MaskGrid(rows=rows, beside=means, tasks=tasks, chart=_chart(rows, means, len(tasks), ident))


def _counts(task: TaskColumn) -> bool:
    """As in means over tasks (harness.compare.overall): a tested task of the encoder, in points."""
    metric = get_metric(task.metrics[0])
    return not task.is_retention and metric.tested and metric.better == "higher" and metric.scale == 100.0


def _score(row: TableRow, task: TaskColumn) -> float | None:
    return next((cell.score.score for cell in row.cells if cell.task == task and cell.score), None)


def _mean(row: TableRow, tasks: Sequence[TaskColumn]) -> float:
    return 100 * sum(_score(row, task) or 0.0 for task in tasks) / len(tasks)


def _chart(rows: Sequence[GridRow], beside: Sequence[tuple[TableRow, float]], tasks: int, ident: str) -> LineChart:
    places = [float(place) for place in range(len(rows))]
    lines = []
    for style, mask in enumerate(_MASKS):
        found = [(x, row.cells[style]) for x, row in zip(places, rows, strict=True)]
        points = tuple(Point(x, cell[1]) for x, cell in found if cell is not None)
        if points:
            lines.append(Series(label=f"{mask} mask", style=style, parts=(points,)))
    lines += [
        Series(label=f"{row.entry.variant}, no training", style=style, parts=(tuple(Point(x, mean) for x in places),))
        for style, (row, mean) in enumerate(beside, len(_MASKS))
    ]
    chart = curves(
        lines,
        title=f"Mean over {tasks} tasks by training, a line for each mask",
        across="training",
        up="mean, points",
        ident=ident,
        places=places,
        names=[row.training for row in rows],
        most=100.0,
    )
    return LineChart(chart=chart, legend=tuple((swatch(each.style), each.label) for each in lines))
