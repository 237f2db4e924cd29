"""Which marks and lines go into each chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from harness.compare.cells import By, Cell, Places
from harness.compare.entries import Entry
from harness.compare.results import TaskComparison
from harness.metrics import get_metric
from harness.stage_record import StageManifest
from leaderboard import text
from leaderboard.charts import (
    STYLES,
    Mark,
    Point,
    Series,
    curves,
    forest,
    forest_scale,
    level_swatch,
    strip,
    strip_axis,
    strip_scale,
    swatch,
    tally,
)
from leaderboard.model import BaseSection, ComparedPair, TableRow, TaskColumn


def tally_of(pair: ComparedPair, ident: str) -> Markup:
    """Draw how many tasks have which verdict."""
    return tally(pair.tally, ident=ident)


def in_order(
    pair: ComparedPair, base: BaseSection, *, retention: bool = False
) -> list[tuple[TaskColumn, TaskComparison]]:
    """Return the tasks of a comparison in the order of the table: the encoder's, or the language model's."""
    found = {t.key.part: t for t in pair.comparison.tasks}
    return [(t, found[t.name]) for t in base.tasks if t.name in found and t.is_retention == retention]


def pair_forest(pair: ComparedPair, base: BaseSection, ident: str, *, mean: bool = False) -> Markup:
    """Draw the encoder's tasks of one comparison, with `mean` their mean above them."""
    marks = [task_mark(task, found) for task, found in in_order(pair, base)]
    over = _mean_mark(pair) if mean and len(marks) > 1 else None
    marks = [replace(over, text=over.text.split(" (")[0]), *marks] if over else marks
    return forest(
        marks,
        scale=forest_scale(marks, zero=True),
        title=f"{pair.label}, by task",
        axis=f"{pair.label}, points",
        ident=ident,
    )


def task_mark(task: TaskColumn, found: TaskComparison) -> Mark:
    """Return the mark of one task in one comparison."""
    ends, metric = found.interval or found.spread, get_metric(found.key.metric)
    tie = " (within the noise floor)" if found.tie else ""
    return Mark(
        label=task.label,
        value=metric.scale * found.difference,
        low=metric.scale * ends.low if ends else None,
        high=metric.scale * ends.high if ends else None,
        kind=found.verdict,
        text=text.change(found.difference, metric.name),
        title=f"{task.label}: {text.change(found.difference, metric.name)} "
        f"({text.span(ends, metric.name, signed=True) or 'no interval'}), {found.verdict}{tie}",
    )


def rungs(
    base: BaseSection, steps: Sequence[ComparedPair], ident: str
) -> tuple[list[tuple[ComparedPair, Markup, str]], Markup]:
    """Draw `steps` on one axis.

    Return each step with its picture and the mean over its tasks, written; and the axis.
    """
    scale = strip_scale([m for pair in steps for m in _strip_marks(pair, base)])
    made = []
    for i, pair in enumerate(steps):
        mean, tasks = _mean_mark(pair), [task_mark(task, found) for task, found in in_order(pair, base)]
        picture = strip(mean, tasks, scale=scale, title=f"{pair.label}: mean and tasks", ident=f"{ident}{i}")
        made.append((pair, picture, mean.text if mean else text.NONE))
    return made, strip_axis(scale, label="change in points", ident=f"{ident}x")


def _strip_marks(pair: ComparedPair, base: BaseSection) -> list[Mark]:
    mean = _mean_mark(pair)
    # The ends of single tasks are not drawn here, so that they need no room.
    tasks = [task_mark(task, found) for task, found in in_order(pair, base)]
    points = [Mark(label="", value=m.value, low=None, high=None, kind="", text="", title="") for m in tasks]
    return [*points, *([mean] if mean else [])]


def _mean_mark(pair: ComparedPair) -> Mark | None:
    across = pair.comparison.across
    if across is None:
        return None
    ends = across.raw.interval
    said = text.change(across.raw.value)
    span = f" ({text.span(ends, signed=True)})" if ends else ""
    return Mark(
        label="mean",
        value=100 * across.raw.value,
        low=100 * ends.low if ends else None,
        high=100 * ends.high if ends else None,
        kind="mean",
        text=f"{said}{span}",
        title=f"mean over {across.n_tasks} tasks: {said}{span}",
    )


def score_forest(base: BaseSection, task: TaskColumn, ident: str, *, chance: float | None = None) -> Markup:
    """Draw all rows of `base` on one task, and a line at `chance`, what a guess scores."""
    marks = [mark for row in base.all_rows if (mark := _score_mark(row, task)) is not None]
    title = f"{task.label} on {base.name or 'no base'}: score by variant"
    metric = get_metric(task.metrics[0])
    axis = metric.unit if metric.unit == metric.name else f"{metric.described}, {metric.unit}"
    level = None if chance is None else metric.scale * chance
    scale = forest_scale(marks, zero=False, least=metric.least_span, also=() if level is None else (level,))
    return forest(marks, scale=scale, title=title, axis=axis, ident=ident, level=level)


def _score_mark(row: TableRow, task: TaskColumn) -> Mark | None:
    score = next((cell.score for cell in row.cells if cell.task == task), None)
    if score is None:
        return None
    ends, metric = score.interval or score.spread, get_metric(score.key.metric)
    shown = text.score(score.score, metric.name)
    return Mark(
        label=row.entry.variant,
        value=metric.scale * score.score,
        low=metric.scale * ends.low if ends else None,
        high=metric.scale * ends.high if ends else None,
        kind="descriptive" if score.spread else "score",
        text=shown,
        title=f"{row.entry.variant}: {shown} ({text.span(ends, metric.name) or 'no interval'})",
    )


@dataclass(frozen=True, kw_only=True)
class LineChart:
    """A chart of lines with its legend: (sample, name) a line."""

    chart: Markup
    legend: tuple[tuple[Markup, str], ...]


def training_curves(entry: Entry, stages: Mapping[str, StageManifest], ident: str) -> list[tuple[str, LineChart]]:
    """Draw the loss of each stage of an entry by step, one line for each seed; none where none was kept."""
    by_kind: dict[str, list[Series]] = {}
    for system in entry.systems:
        for digest in system.stage_digests:
            stage = stages.get(digest)
            losses = [(float(s), v) for s, v in stage.losses] if stage else []
            if stage and len(losses) > 1:
                lines = by_kind.setdefault(stage.kind, [])
                name = "no seed" if system.seed is None else f"seed {system.seed}"
                points = tuple(Point(s, v) for s, v in losses)
                lines.append(Series(label=name, style=len(lines), parts=(points,)))
    return [
        (
            kind,
            LineChart(
                chart=curves(
                    lines, title=f"Training loss of stage {kind}", across="step", up="loss", ident=f"{ident}{i}",
                    markers=False,
                ),
                legend=tuple((swatch(line.style), line.label) for line in lines),
            ),
        )
        for i, (kind, lines) in enumerate(by_kind.items())
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Level:
    """A line across a chart at a value, in the unit that is stored, and what the legend says of it."""

    at: float
    says: str


_ACROSS: dict[By, str] = {"layer": "layer", "position": "token position, target = 0"}


def place_curves(
    found: Sequence[Places],
    metric: str,
    rows: Sequence[TableRow],
    *,
    by: By,
    title: str,
    ident: str,
    across: str = "",
    level: Level | None = None,
) -> LineChart | None:
    """Draw `rows` over positions or over layers, or over what `across` says the positions are.

    Where no `level` is given there is one at the guess of the tasks, if all have the same. Several tasks share the
    chart where they read other positions of the same question. A chart holds as many rows as can be told apart;
    `place_charts` draws more.
    """
    assert len(rows) <= STYLES
    written = get_metric(metric)
    most = written.scale if written.better == "higher" else None
    series = []
    places: set[int] = set()
    for style, row in enumerate(rows):
        parts = []
        for read in found:
            mine = [c for c in read.cells if read.by == by and (c.base, c.variant) == row.entry.name]
            points = _points(mine, by=by, scale=written.scale, most=most)
            if points:
                parts.append(points)
                places |= {int(point.x) for point in points}
        if parts:
            series.append(Series(label=row.entry.variant, style=style, parts=tuple(parts)))
    if all(len(each.points) < 2 for each in series):
        return None  # nothing is read at two places
    guesses = [read.guess for read in found]
    if level is None and guesses[0] is not None and max(g or 0 for g in guesses) - guesses[0] < 1e-9:
        level = Level(at=guesses[0], says="always the most frequent label")
    chart = curves(
        series,
        title=title,
        across=across or _ACROSS[by],
        up=written.unit if written.unit == written.name else f"{written.name}, {written.unit}",
        ident=ident,
        level=written.scale * level.at if level is not None else None,
        most=most,
        places=sorted(places | ({0} if by == "position" and min(places) < 0 < max(places) else set())),
    )
    legend = [(swatch(each.style), each.label) for each in series]
    if level is not None:
        legend.append((level_swatch(), level.says))
    return LineChart(chart=chart, legend=tuple(legend))


def place_charts(
    found: Sequence[Places],
    metric: str,
    rows: Sequence[TableRow],
    *,
    by: By,
    title: str,
    ident: str,
    across: str = "",
    level: Level | None = None,
) -> tuple[LineChart, ...]:
    """Draw all `rows` as `place_curves` does, in as many charts as they need."""
    read = {(c.base, c.variant) for each in found if each.by == by for c in each.cells}
    drawn = [row for row in rows if row.entry.name in read]
    n = -(-len(drawn) // STYLES)
    parts = [drawn[i * len(drawn) // n : (i + 1) * len(drawn) // n] for i in range(n)]
    said = [f"{title} (part {i} of {n})" if n > 1 else title for i in range(1, n + 1)]
    charts = [
        place_curves(found, metric, part, by=by, title=name, ident=f"{ident}-{i}", across=across, level=level)
        for i, (part, name) in enumerate(zip(parts, said, strict=True))
    ]
    return tuple(chart for chart in charts if chart is not None)


def _points(mine: Sequence[Cell], *, by: By, scale: float, most: float | None) -> tuple[Point, ...]:
    """Return the places of one line in order; an end beyond what there can be is drawn at the limit."""
    made = []
    for cell in mine:
        place = cell.layer if by == "layer" else cell.position
        high = None if cell.high is None else scale * cell.high
        made.append(
            Point(
                float(place or 0),
                scale * cell.value,
                None if cell.low is None else scale * cell.low,
                high if high is None or most is None else min(high, most),
            )
        )
    return tuple(sorted(made, key=lambda point: point.x))


def layer_curves(places: Mapping[TaskColumn, Places], row: TableRow, ident: str) -> list[tuple[TaskColumn, LineChart]]:
    """Draw one row over layers on every task that was read at several."""
    made = []
    for i, (task, read) in enumerate(places.items()):
        title = f"{task.label}: {row.entry.variant} by layer"
        figure = place_curves([read], task.metrics[0], [row], by="layer", title=title, ident=f"{ident}{i}")
        if figure:
            made.append((task, figure))
    return made
