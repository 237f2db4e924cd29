"""The pages of suites that are shown by layer: one small chart a measure, and what else belongs to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.compare.cells import Places
from harness.suites.by_layer import LayeredTask
from harness.suites.repetition import TIMES, share_of
from leaderboard.diagnostics import Diagnostics
from leaderboard.figures import Level, LineChart, place_charts
from leaderboard.model import BaseSection


@dataclass(frozen=True, kw_only=True)
class MeasureCharts:
    """One measure: its name, what it says, and its charts, a line a variant."""

    name: str
    about: str
    charts: tuple[LineChart, ...]


def layer_charts(
    task: LayeredTask, base: BaseSection, diagnostics: Mapping[str, Diagnostics], *, ident: str
) -> list[MeasureCharts]:
    """The charts of `base` by layer, in the order of the task's measures; none where the task was not measured."""
    found = _by_measure(task, diagnostics)
    made = []
    for number, measure in enumerate(task.measures):
        if measure.name not in found:
            continue
        name = task.called(measure.name)
        charts = place_charts(
            [found[measure.name]],
            measure.metric,
            base.all_rows,
            by="layer",
            title=f"{name}: by layer",
            ident=f"{ident}-{number}",
        )
        if charts:
            made.append(MeasureCharts(name=name, about=measure.about, charts=charts))
    return made


def share_curve(
    task: LayeredTask, base: BaseSection, diagnostics: Mapping[str, Diagnostics], *, ident: str
) -> Sequence[LineChart]:
    """The weight of a repeated sentence less its share of the tokens by the number of copies, in the last layer."""
    found = _by_measure(task, diagnostics)
    by_times = {times: found[share_of(times)].cells for times in TIMES if share_of(times) in found}
    last = max((cell.layer or 0 for cells in by_times.values() for cell in cells), default=0)
    placed = tuple(
        replace(cell, position=times, layer=None)
        for times, cells in by_times.items()
        for cell in cells
        if cell.layer == last
    )
    return place_charts(
        [Places(by="position", cells=placed, guess=None)],
        "excess_share",
        base.all_rows,
        by="position",
        title=f"Weight of a repeated sentence in layer {last}: by copies",
        across="copies of the sentence",
        level=Level(at=0.0, says="its share of the tokens"),
        ident=ident,
    )


def _by_measure(task: LayeredTask, diagnostics: Mapping[str, Diagnostics]) -> dict[str, Places]:
    return {
        read.cells[0].subset: read
        for each in diagnostics.values()
        if each.task_type == task.task_type
        for read in each.layered
    }
