"""The page of the mask by degrees: score against how much of its text a token sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.degrees import DosePoint, dose_points
from harness.metrics import get_metric
from harness.store import Store
from leaderboard.charts.curves import STYLES, Point, Series, curves, swatch
from leaderboard.figures import LineChart


@dataclass(frozen=True, kw_only=True)
class DoseTask:
    """A task on a base: its charts (what is varied, chart), and the points as rows of a table."""

    base: str
    task: str
    charts: tuple[tuple[str, LineChart], ...]
    points: tuple[DosePoint, ...]


def make_doses(store: Store) -> list[DoseTask]:
    """All that `harness dose` has in the store, task by task."""
    found = dose_points(store)
    made = []
    for number, ((base, task, subset), group) in enumerate(
        groupby(found, key=lambda point: (point.cell.base, point.cell.task, point.cell.subset))
    ):
        points = list(group)
        label = task if subset in ("default", "") else f"{task} ({subset})"
        drawn = (
            ("tokens ahead, in all layers", _chart(points, label, "tokens ahead", f"d{number}a")),
            ("all tokens, from a layer on", _chart(points, label, "first layer that sees ahead", f"d{number}l")),
        )
        charts = tuple((name, chart) for name, chart in drawn if chart is not None)
        made.append(DoseTask(base=base, task=label, charts=charts, points=tuple(points)))
    return made


def _chart(points: Sequence[DosePoint], task: str, across: str, ident: str) -> LineChart | None:
    """One line a variant over the window, or over the first layer; None for fewer than two places."""
    window = across == "tokens ahead"
    # The causal end is on both axes; it stands last where the first layer that sees ahead is drawn.
    chosen = [
        point
        for point in points
        if (point.degree.from_layer == 0 if window else point.degree.ahead is None or point.degree.ahead == 0)
    ]
    keys = {_label(point, window) for point in chosen}
    labels = sorted(
        keys, key=lambda label: (label == ("all" if window else "none"), int(label) if label.isdigit() else 0)
    )
    if len(labels) < 3:
        return None
    metric = get_metric(points[0].cell.metric)
    series = []
    for style, variant in enumerate(dict.fromkeys(point.variant for point in points)):
        mine = {labels.index(_label(p, window)): p.cell for p in chosen if p.variant == variant}
        line = tuple(
            Point(
                float(place),
                metric.scale * cell.value,
                None if cell.low is None else metric.scale * cell.low,
                None if cell.high is None else metric.scale * cell.high,
            )
            for place, cell in sorted(mine.items(), key=lambda each: each[0])
        )
        if line:
            series.append(Series(label=variant, style=style % STYLES, parts=(line,)))
    chart = curves(
        series,
        title=f"{task}: score by {across}",
        across=across,
        up=metric.unit if metric.unit == metric.name else f"{metric.name}, {metric.unit}",
        ident=ident,
        places=[float(place) for place in range(len(labels))],
        names=labels,
        most=metric.scale if metric.better == "higher" else None,
    )
    return LineChart(chart=chart, legend=tuple((swatch(each.style), each.label) for each in series))


def _label(point: DosePoint, window: bool) -> str:
    degree = point.degree
    if window:
        return "all" if degree.ahead is None else str(degree.ahead)
    return "none" if degree.ahead == 0 else str(degree.from_layer)
