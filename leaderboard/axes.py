"""The pages of axes: what each step does on each level of an axis, as small charts with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup

from harness.compare.analysis import AnalysisProgress
from harness.compare.axis.analysis import analyse_axis
from harness.compare.axis.declared import BaseAxis, named_in, part_measured
from harness.compare.axis.facts import facts_of
from harness.compare.axis.results import AxisAnalysis, StepEffect
from harness.compare.axis.width import widths_of
from harness.compare.axis.wording import step_label
from harness.compare.contrasts import VariantContrast, declared_contrasts
from harness.compare.entries import Entry
from harness.compare.overall import MEAN_METRIC
from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.outcomes import TaskKey
from harness.stats.estimate import DrawSpread, Interval
from harness.store import Store
from leaderboard import text
from leaderboard.charts import SMALL, Point, Series, curves
from leaderboard.model import AxisSection, TaskColumn

_LETTER = 7  # SVG units that a letter below a chart takes
_NO_VERDICT = "score"  # the mark of a value that no verdict is about


@dataclass(frozen=True, kw_only=True)
class PanelCell:
    """The effect of a step on one level; `verdict` is that of the interaction with the first level, if it is tested."""

    value: float
    ends: Interval | DrawSpread | None
    verdict: str


@dataclass(frozen=True, kw_only=True)
class SmallChart:
    """One small chart and its numbers: a cell a level, None where it was not measured.

    `unit` is empty for points, `href` where the chart is of no single task.
    """

    name: str
    unit: str
    href: str
    metric: str
    cells: tuple[PanelCell | None, ...]
    chart: Markup | None = None

    @property
    def ends(self) -> list[float]:
        """What the axis of the chart has to hold, in the unit that people read."""
        scale = get_metric(self.metric).scale
        found = [(c.value, *((c.ends.low, c.ends.high) if c.ends else ())) for c in self.cells if c]
        return [scale * value for values in found for value in values]


@dataclass(frozen=True, kw_only=True)
class StepPanels:
    """A step and its panels, a task each."""

    label: str
    panels: tuple[SmallChart, ...]


def measured_axes(entries: Sequence[Entry]) -> list[tuple[BaseAxis, BaseAxis]]:
    """Return the declared axes of which two levels or more have results: as declared, and as far as measured."""
    found = [(axis, part_measured(axis, entries)) for axis in declared_contrasts().axes]
    return [(axis, part) for axis, part in found if part is not None]


def beside_the_store(entries: Sequence[Entry], scores: pd.DataFrame) -> str:
    """Return what the pages of axes hold that is not in the store: facts from the folders of their bases."""
    return repr([facts_of(part, entries, scores) for _, part in measured_axes(entries)])


def make_axes(
    store: Store,
    entries: Sequence[Entry],
    scores: pd.DataFrame,
    *,
    otherwise: Sequence[Entry] = (),
    resamples: int,
    progress_of: Callable[[int, int, str], AnalysisProgress | None],
) -> tuple[AxisSection, ...]:
    """Analyse every declared axis that has results; one whose bases contradict it says so in place of results.

    Where variants were read `otherwise` at one width on two levels, that is analysed beside. `progress_of` returns what
    is to be told of the progress of analysis number i of n.
    """
    axes = measured_axes(entries)
    hrefs = text.slugs([axis.name for axis, _ in axes])
    asked = [(axis, width) for axis, part in axes for width in (None, *widths_of(part, otherwise))]
    every = [*entries, *otherwise]
    rows = store.scores() if any(width for _, width in asked) else scores
    analyses: dict[str, list[AxisAnalysis]] = {axis.name: [] for axis, _ in axes}
    refused: dict[str, list[str]] = {axis.name: [] for axis, _ in axes}
    parts = {axis.name: part for axis, part in axes}
    for i, (axis, width) in enumerate(asked):
        if width and not analyses[axis.name]:
            continue
        at = f" at width {width}" if width else ""
        progress = progress_of(i, len(asked), f"the axis {axis.name}{at}")
        of = {"entries": every, "scores": rows, "width": width} if width else {"entries": entries, "scores": scores}
        try:
            found = analyse_axis(store, parts[axis.name], **of, resamples=resamples, progress=progress)
            analyses[axis.name].append(found)
        except HarnessError as error:
            refused[axis.name].append(f"{error}.")
    return tuple(
        AxisSection(
            axis=part, href=f"axes/{hrefs[axis.name]}.html", refused=tuple(refused[axis.name]),
            analysis=next(iter(analyses[axis.name]), None), at_width=tuple(analyses[axis.name][1:]),
            missing=_missing(axis, part, entries),
        )
        for axis, part in axes
    )  # fmt: skip


def _missing(axis: BaseAxis, part: BaseAxis, entries: Sequence[Entry]) -> tuple[str, ...]:
    there = named_in([entry for entry in entries if entry.base in part.bases])
    return tuple(base for base in axis.bases if base not in there)


def mean_panels(found: AxisAnalysis) -> tuple[SmallChart, ...]:
    """Draw the mean over tasks of each step by level, all on one axis."""
    levels = [level.name for level in found.axis.levels]
    panels = []
    for step in found.steps:
        means = [mean for mean in found.means if mean.step == step]
        effects = {mean.level: mean.across.raw for mean in means if not mean.against}
        verdicts = {mean.level: mean.verdict.verdict for mean in means if mean.against and mean.verdict}
        cells = [
            PanelCell(value=raw.value, ends=raw.interval, verdict=verdicts.get(level, ""))
            if (raw := effects.get(level))
            else None
            for level in levels
        ]
        if any(cells):
            n = max(mean.across.n_tasks for mean in means)
            name = f"{step_label(step)}: mean over {n} task{'s' if n > 1 else ''}"
            panels.append(SmallChart(name=name, unit="", href="", metric=MEAN_METRIC, cells=tuple(cells)))
    return _drawn(panels, levels, ident=f"mean{found.width or ''}")


def step_panels(found: AxisAnalysis, tasks: Sequence[TaskColumn]) -> tuple[StepPanels, ...]:
    """Draw the effect of each step on each task by level; a step's tasks in one unit share their axis."""
    levels = [level.name for level in found.axis.levels]
    verdicts = {
        (i.step, i.key, i.level): i.verdict for i in found.interactions if i.against and i.verdict != "descriptive"
    }
    of_panel: dict[tuple[VariantContrast, TaskKey], dict[str, StepEffect]] = {}
    for effect in found.effects:
        of_panel.setdefault((effect.step, effect.key), {})[effect.level] = effect
    made = []
    for number, step in enumerate(found.steps):
        panels = []
        for column in tasks:
            for (of, key), effects in of_panel.items():
                if of != step or key.part != column.name:
                    continue
                cells = [
                    PanelCell(value=e.value, ends=e.interval or e.spread, verdict=verdicts.get((step, key, level), ""))
                    if (e := effects.get(level))
                    else None
                    for level in levels
                ]
                metric = get_metric(key.metric)
                unit = "" if metric.unit == "points" else metric.described
                panels.append(
                    SmallChart(name=column.label, unit=unit, href=column.href, metric=metric.name, cells=tuple(cells))
                )
        label = step_label(step)
        made.append(
            StepPanels(label=label, panels=_drawn(panels, levels, ident=f"s{number}-{found.width or ''}", step=label))
        )
    return tuple(made)


def _drawn(
    panels: Sequence[SmallChart], levels: Sequence[str], *, ident: str, step: str = ""
) -> tuple[SmallChart, ...]:
    """Return `panels` with their charts: those of one unit on one axis, on which 0 is marked."""
    held: dict[str, list[float]] = {}
    for panel in panels:
        held.setdefault(panel.unit, []).extend(panel.ends)
    room = (SMALL.width - SMALL.left - SMALL.right) // len(levels) // _LETTER
    names = [level if len(level) <= room else f"{level[: room - 1]}…" for level in levels]
    return tuple(
        replace(
            panel,
            chart=curves(
                [_line(panel, levels)],
                title=": ".join(filter(None, (step, panel.name))), across="", up="", ident=f"{ident}-{i}",
                places=[float(place) for place in range(len(levels))], names=names, level=0.0,
                also=held[panel.unit], least=get_metric(panel.metric).least_span, frame=SMALL,
            ),
        )
        for i, panel in enumerate(panels)
    )  # fmt: skip


def _line(panel: SmallChart, levels: Sequence[str]) -> Series:
    """The line of a panel, cut where a level was not measured."""
    scale = get_metric(panel.metric).scale
    parts: list[list[Point]] = [[]]
    for place, (level, cell) in enumerate(zip(levels, panel.cells, strict=True)):
        if cell is None:
            parts.append([])
            continue
        low, high = (scale * cell.ends.low, scale * cell.ends.high) if cell.ends else (None, None)
        ends = text.span(cell.ends, panel.metric, signed=True) or "no interval"
        said = f"{level}: {text.change(cell.value, panel.metric)} ({ends})" + (
            f", {cell.verdict}" if cell.verdict else ""
        )
        parts[-1].append(Point(float(place), scale * cell.value, low, high, cell.verdict or _NO_VERDICT, said))
    return Series(label=panel.name, style=0, parts=tuple(tuple(part) for part in parts if part))
