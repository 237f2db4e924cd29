"""A forest plot: a row a task or a variant, each with its interval, point and value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.charts.axes import Scale, number, scale_of, tick_text

_WIDTH, _LABEL, _VALUE, _ROW, _TOP, _BOTTOM = 480, 165, 48, 22, 4, 36


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One row of a chart: a value with two ends, in the unit of its metric. `kind` is a verdict, or 'score'."""

    label: str
    value: float
    low: float | None
    high: float | None
    kind: str
    text: str
    title: str

    @property
    def ends(self) -> tuple[float | None, ...]:
        """What a scale has to hold."""
        return (self.value, self.low, self.high)


def forest_scale(marks: Sequence[Mark], *, zero: bool, least: float = 1.0, also: Sequence[float] = ()) -> Scale:
    """Choose the axis of a forest plot, or of several that are to be compared."""
    values = [*(value for mark in marks for value in mark.ends), *also]
    return scale_of(values, start=_LABEL + 10, end=_WIDTH - _VALUE - 10, zero=zero, least=least)


def forest(
    marks: Sequence[Mark], *, scale: Scale, title: str, axis: str, ident: str, level: float | None = None
) -> Markup:
    """Draw a row a mark: interval, point, value. `ident` makes the ids unique on the page; `level` is chance."""
    bottom = _TOP + _ROW * len(marks)
    height = bottom + _BOTTOM
    parts = [
        f'<svg class="forest" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d">',
        f'<title id="{ident}-t">{escape(title)}</title>',
        f'<desc id="{ident}-d">{escape("; ".join(mark.title for mark in marks))}</desc>',
    ]
    for tick in scale.ticks:
        x = number(scale.at(tick))
        css = "zero" if tick == 0 and scale.low < 0 else "grid"
        parts.append(f'<line class="{css}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 15}">{tick_text(tick)}</text>')
    if level is not None:
        x = number(scale.at(level))
        parts.append(f'<line class="level" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"><title>chance</title></line>')
    middle = number(scale.at((scale.low + scale.high) / 2))
    parts.append(f'<text class="axis" x="{middle}" y="{bottom + 32}">{escape(axis)}</text>')
    parts += [_row(mark, scale, _TOP + _ROW * i + _ROW // 2) for i, mark in enumerate(marks)]
    parts.append("</svg>")
    return Markup("\n".join(parts))


def _row(mark: Mark, scale: Scale, y: int) -> str:
    parts = [f'<g class="{escape(mark.kind)}"><title>{escape(mark.title)}</title>']
    parts.append(f'<text class="label" x="{_LABEL}" y="{y + 4}">{escape(short(mark.label))}</text>')
    parts.append(interval(mark, scale, y))
    parts.append(point(mark.kind, scale.at(mark.value), y))
    parts.append(f'<text class="value" x="{_WIDTH}" y="{y + 4}">{escape(mark.text)}</text></g>')
    return "".join(parts)


def interval(mark: Mark, scale: Scale, y: float) -> str:
    """Return the line between the two ends of a mark, or nothing."""
    if mark.low is None or mark.high is None:
        return ""
    x1, x2 = number(scale.at(mark.low)), number(scale.at(mark.high))
    return f'<line class="span" x1="{x1}" x2="{x2}" y1="{number(y)}" y2="{number(y)}"/>'


def point(kind: str, x: float, y: float, size: float = 1.0) -> str:
    """Return the marker; each verdict has a shape of its own, so that colour is never needed."""
    n, a, b, c = number, 5.5 * size, 4.5 * size, 3 * size
    if kind == "better":
        return f'<path class="point" d="M{n(x - a)} {n(y + b)}h{n(2 * a)}l{n(-a)} {n(-2 * b - 1)}z"/>'
    if kind == "worse":
        return f'<path class="point" d="M{n(x - a)} {n(y - b)}h{n(2 * a)}l{n(-a)} {n(2 * b + 1)}z"/>'
    if kind == "equivalent":
        return f'<path class="point" d="M{n(x - a)} {n(y - c)}h{n(2 * a)}M{n(x - a)} {n(y + c)}h{n(2 * a)}"/>'
    if kind == "descriptive":
        return f'<line class="point" x1="{n(x)}" x2="{n(x)}" y1="{n(y - a)}" y2="{n(y + a)}"/>'
    if kind in ("mean", "dirty"):
        return f'<path class="point" d="M{n(x - a)} {n(y)}l{n(a)} {n(-a)}l{n(a)} {n(a)}l{n(-a)} {n(a)}z"/>'
    return f'<circle class="point" cx="{n(x)}" cy="{n(y)}" r="{n(4 * size)}"/>'


def short(text: str, limit: int = 22) -> str:
    """Return the beginning of a label that is too long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
