"""The page of the layers: what the states of a text are at each layer, one small chart a measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.metrics import get_metric
from harness.suites.layers import FIRST, MEASURES, TASK_TYPE
from leaderboard.diagnostics import Diagnostics
from leaderboard.figures import LineChart, place_curves
from leaderboard.model import BaseSection


@dataclass(frozen=True, kw_only=True)
class LayerChart:
    """One measure by layer: its name, what it says, its unit, and a line a variant."""

    name: str
    about: str
    unit: str
    chart: LineChart


def layer_charts(base: BaseSection, diagnostics: Mapping[str, Diagnostics], *, ident: str) -> list[LayerChart]:
    """The charts of `base`, in the order of MEASURES; none where the suite was not measured."""
    found = {
        read.cells[0].subset: read
        for each in diagnostics.values()
        if each.task_type == TASK_TYPE
        for read in each.layered
    }
    made = []
    for number, measure in enumerate(MEASURES):
        read = found.get(measure.name)
        if read is None:
            continue
        name = FIRST if measure.name == "default" else measure.name
        chart = place_curves(
            [read], measure.metric, base.all_rows, by="layer", title=f"{name}: by layer", ident=f"{ident}-{number}"
        )
        if chart is not None:
            made.append(LayerChart(name=name, about=measure.about, unit=get_metric(measure.metric).unit, chart=chart))
    return made
