"""The pages of scores along an axis: by degrees of the mask, and by how far training got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from harness.compare.points import ScorePoint, degree_of, score_points, trained_of
from harness.metrics import get_metric
from harness.store import Store
from leaderboard.charts.curves import STYLES, Point, Series, curves, swatch
from leaderboard.figures import LineChart

Points = Sequence[ScorePoint[Any]]


@dataclass(frozen=True, kw_only=True)
class TaskPoints:
    """A task on a base: its charts (what is varied, chart), and the points as rows of a table."""

    base: str
    task: str
    charts: tuple[tuple[str, LineChart], ...]
    points: tuple[ScorePoint[Any], ...]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What a page says of its axis: `column` heads its places in tables, `command` measures them."""

    title: str
    scope: str
    column: str
    command: str
    tasks: Sequence[TaskPoints]


def make_doses(store: Store) -> Axis:
    """All that `harness dose` has in the store, task by task."""
    return Axis(
        title="The mask by degrees",
        scope="Between the causal and the bidirectional mask lie others. Here a variant is trained as its card says, "
        "and then read with such a mask: a token sees so many tokens ahead in all layers, or all of its text from one "
        "layer on. The weights stay the same.",
        column="A token sees",
        command="harness dose",
        tasks=_by_task(score_points(store, degree_of), _dose_charts),
    )


def make_budgets(store: Store) -> Axis:
    """All that `harness run --at` has in the store, task by task."""
    return Axis(
        title="Training budget",
        scope="Here the last stage of a variant stops early. Its learning rate follows the schedule of the whole "
        "stage. 0 steps is the variant without its last stage.",
        column="The last stage was trained for",
        command="harness run --variant bidir-mntp --at 0,50,100,200",
        tasks=_by_task(score_points(store, trained_of), _budget_charts),
    )


def _by_task(
    found: Points, charts: Callable[[Points, str, str], Sequence[tuple[str, LineChart | None]]]
) -> list[TaskPoints]:
    made = []
    grouped = groupby(found, key=lambda point: (point.cell.base, point.cell.task, point.cell.subset))
    for number, ((base, task, subset), group) in enumerate(grouped):
        points = tuple(group)
        label = task if subset in ("default", "") else f"{task} ({subset})"
        drawn = tuple((name, chart) for name, chart in charts(points, label, f"d{number}") if chart is not None)
        made.append(TaskPoints(base=base, task=label, charts=drawn, points=points))
    return made


def _budget_charts(points: Points, task: str, ident: str) -> Sequence[tuple[str, LineChart | None]]:
    counted = all(point.at.tokens is not None for point in points)
    across = "thousand tokens that the last stage read" if counted else "steps of the last stage"
    lines = _lines(points, lambda point: point.at.tokens / 1000 if counted else float(point.at.steps))
    return [("", _chart(lines, points, title=f"{task}: score by {across}", across=across, ident=ident))]


def _dose_charts(points: Points, task: str, ident: str) -> Sequence[tuple[str, LineChart | None]]:
    return [
        ("tokens ahead, in all layers", _dose_chart(points, task, "tokens ahead", f"{ident}a")),
        ("all tokens, from a layer on", _dose_chart(points, task, "first layer that sees ahead", f"{ident}l")),
    ]


def _dose_chart(points: Points, task: str, across: str, ident: str) -> LineChart | None:
    """One line a variant over the window, or over the first layer; None for fewer than three places."""
    window = across == "tokens ahead"
    # The causal end is on both axes; it stands last where the first layer that sees ahead is drawn.
    chosen = [
        point
        for point in points
        if (point.at.from_layer == 0 if window else point.at.ahead is None or not point.at.ahead)
    ]
    keys = {_label(point, window) for point in chosen}
    labels = sorted(
        keys, key=lambda label: (label == ("all" if window else "none"), int(label) if label.isdigit() else 0)
    )
    if len(labels) < 3:
        return None
    lines = _lines(chosen, lambda point: float(labels.index(_label(point, window))))
    return _chart(lines, points, title=f"{task}: score by {across}", across=across, ident=ident, names=labels)


def _lines(points: Points, place: Callable[[ScorePoint[Any]], float]) -> list[Series]:
    """One line a variant, with the intervals of its points."""
    series = []
    for style, variant in enumerate(dict.fromkeys(point.variant for point in points)):
        line = []
        for point in sorted((p for p in points if p.variant == variant), key=place):
            scale = get_metric(point.cell.metric).scale
            value, low, high = (
                None if each is None else scale * each for each in (point.cell.value, point.cell.low, point.cell.high)
            )
            assert value is not None
            line.append(Point(place(point), value, low, high))
        series.append(Series(label=variant, style=style % STYLES, parts=(tuple(line),)))
    return series


def _chart(
    lines: Sequence[Series], points: Points, *, title: str, across: str, ident: str, names: Sequence[str] = ()
) -> LineChart:
    metric = get_metric(points[0].cell.metric)
    chart = curves(
        lines,
        title=title,
        across=across,
        up=metric.unit if metric.unit == metric.name else f"{metric.name}, {metric.unit}",
        ident=ident,
        places=[float(place) for place in range(len(names))] or None,
        names=names,
        most=metric.scale if metric.better == "higher" else None,
    )
    return LineChart(chart=chart, legend=tuple((swatch(each.style), each.label) for each in lines))


def _label(point: ScorePoint[Any], window: bool) -> str:
    if window:
        return "all" if point.at.ahead is None else str(point.at.ahead)
    return "none" if point.at.ahead == 0 else str(point.at.from_layer)
