"""The figure score against cost of a base: the mean over the tasks against the time to measure them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from markupsafe import Markup

from leaderboard.charts.scatter import Spent, scatter
from leaderboard.model import BaseSection

_LEAST = 3  # fewer are read in the table


@dataclass(frozen=True, kw_only=True)
class Spending:
    """The figure, and the device of all that is in it: times of two devices do not compare."""

    chart: Markup
    device: str


def make_spending(base: BaseSection, ident: str) -> Spending | None:
    """Draw the ranked rows of `base`; None for fewer than three on one device."""
    ranked = [(row, row.place, row.seconds) for row in base.all_rows if row.place and row.seconds]
    if not ranked:
        return None
    device = Counter(row.device for row, _, _ in ranked).most_common(1)[0][0]
    points = [
        Spent(label=row.entry.variant, cost=seconds, score=100 * place.score)
        for row, place, seconds in ranked
        if row.device == device and place is not None and seconds is not None
    ]
    if len(points) < _LEAST:
        return None
    title = f"Mean over the tasks against the time to measure them{f', {base.name}' if base.name else ''}"
    chart = scatter(points, title=title, across="time to measure all tasks, seconds", up="mean, points", ident=ident)
    return Spending(chart=chart, device=device)
