"""Two values a row, each with its interval: one before and one after something was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.charts.axes import Scale, number, scale_of, tick_text
from leaderboard.charts.forest import Mark, interval, point, short

_WIDTH, _LABEL, _VALUE, _ROW, _TOP, _BOTTOM, _APART = 480, 150, 46, 32, 4, 36, 7


@dataclass(frozen=True, kw_only=True)
class Dumbbell:
    """A row: `before` is drawn above `after`."""

    label: str
    before: Mark
    after: Mark


def dumbbells(rows: Sequence[Dumbbell], *, title: str, axis: str, ident: str, also: Sequence[float] = ()) -> Markup:
    """Draw `rows` on an axis that also holds `also`; `ident` makes the ids unique on the page."""
    marks = [mark for row in rows for mark in (row.before, row.after)]
    ends = [*(value for mark in marks for value in mark.ends), *also]
    scale = scale_of(ends, start=_LABEL + 10, end=_WIDTH - _VALUE - 10)
    bottom = _TOP + _ROW * len(rows)
    height = bottom + _BOTTOM
    parts = [
        f'<svg class="forest" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape("; ".join(mark.title for mark in marks))}</desc>'
    ]
    for tick in scale.ticks:
        x = number(scale.at(tick))
        css = "zero" if tick == 0 and scale.low < 0 else "grid"
        parts.append(f'<line class="{css}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 15}">{tick_text(tick)}</text>')
    middle = number(scale.at((scale.low + scale.high) / 2))
    parts.append(f'<text class="axis" x="{middle}" y="{bottom + 32}">{escape(axis)}</text>')
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + _ROW // 2
        parts.append(f'<text class="label" x="{_LABEL}" y="{y + 4}">{escape(short(row.label, 20))}</text>')
        parts += [_drawn(row.before, scale, y - _APART), _drawn(row.after, scale, y + _APART)]
    return Markup("".join([*parts, "</svg>"]))


def _drawn(mark: Mark, scale: Scale, y: int) -> str:
    return (
        f'<g class="{escape(mark.kind)}"><title>{escape(mark.title)}</title>{interval(mark, scale, y)}'
        f"{point(mark.kind, scale.at(mark.value), y, 0.85)}"
        f'<text class="value" x="{_WIDTH}" y="{y + 4}">{escape(mark.text)}</text></g>'
    )


def mark_swatch(kind: str) -> Markup:
    """Draw the sample of a mark for a legend."""
    return Markup(
        f'<svg class="forest swatch" viewBox="0 0 14 12" width="14" height="12" aria-hidden="true">'
        f'<g class="{escape(kind)}">{point(kind, 7, 6, 0.85)}</g></svg>'
    )
