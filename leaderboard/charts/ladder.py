"""The ladder as a picture: a strip for each step, the mean effect with its interval above those on the tasks."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from leaderboard.charts.axes import Scale, number, scale_of, tick_text
from leaderboard.charts.forest import Mark, interval, point

_WIDTH, _HEIGHT = 480, 46
_MEAN, _TASKS = 13, 33


def strip_scale(marks: Sequence[Mark]) -> Scale:
    """Choose the axis that all strips of a list share, so that their lengths can be compared."""
    return scale_of([value for mark in marks for value in mark.ends], start=12, end=_WIDTH - 12, zero=True)


def strip(mean: Mark | None, tasks: Sequence[Mark], *, scale: Scale, title: str, ident: str) -> Markup:
    """Draw one step: `mean` over its tasks as a diamond with its interval, each task as the mark of its verdict."""
    said = [mean.title] if mean else []
    parts = [
        f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(title)}</title>',
        f'<desc id="{ident}-d">{escape("; ".join([*said, *(mark.title for mark in tasks)]))}</desc>',
    ]
    for tick in scale.ticks:
        x, css = number(scale.at(tick)), "zero" if tick == 0 else "grid"
        parts.append(f'<line class="{css}" x1="{x}" x2="{x}" y1="0" y2="{_HEIGHT}"/>')
    for mark in tasks:
        shape = point(mark.kind, scale.at(mark.value), _TASKS, 0.8)
        parts.append(f'<g class="{escape(mark.kind)}"><title>{escape(mark.title)}</title>{shape}</g>')
    if mean:
        drawn = interval(mean, scale, _MEAN) + point("mean", scale.at(mean.value), _MEAN)
        parts.append(f'<g class="mean"><title>{escape(mean.title)}</title>{drawn}</g>')
    return Markup("".join([*parts, "</svg>"]))


def strip_axis(scale: Scale, *, label: str, ident: str) -> Markup:
    """Draw the axis below the strips."""
    parts = [
        f'<svg class="strip axis" viewBox="0 0 {_WIDTH} 34" width="{_WIDTH}" height="34" role="img" '
        f'aria-labelledby="{ident}-t"><title id="{ident}-t">{escape(label)}</title>'
    ]
    for tick in scale.ticks:
        parts.append(f'<text class="tick" x="{number(scale.at(tick))}" y="12">{tick_text(tick)}</text>')
    parts.append(f'<text class="axis" x="{_WIDTH // 2}" y="29">{escape(label)}</text></svg>')
    return Markup("".join(parts))
