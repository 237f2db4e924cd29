"""Charts as SVG text: drawn here, coloured by the style sheet, each verdict with a shape of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _LABEL, _VALUE, _ROW, _TOP, _BOTTOM = 480, 160, 48, 22, 4, 36


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


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high`, in the unit of its marks, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """Return the place of `value` in the plot, in SVG units."""
        share = (value - self.low) / (self.high - self.low)
        return _LABEL + 10 + share * (_WIDTH - _LABEL - _VALUE - 20)


def scale_of(marks: Sequence[Mark], *, zero: bool, least: float = 1.0) -> Scale:
    """Choose round limits that hold every mark, and 0 if `zero`; never narrower than `least` in all."""
    ends = [v for mark in marks for v in (mark.value, mark.low, mark.high) if v is not None]
    ends += [0.0] if zero or not ends else []
    low, high = min(ends), max(ends)
    step = _step(max(high - low, least) / 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return Scale(first * step, last * step, tuple(i * step for i in range(first, last + 1)))


def _step(rough: float) -> float:
    power = float(10 ** math.floor(math.log10(rough)))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough)


def forest(marks: Sequence[Mark], *, scale: Scale, title: str, axis: str, ident: str) -> Markup:
    """Draw a row a mark: interval, point, value. `ident` makes the ids unique on the page."""
    bottom = _TOP + _ROW * len(marks)
    height = bottom + _BOTTOM
    parts = [
        f'<svg class="forest" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d">',
        f'<title id="{ident}-t">{escape(title)}</title>',
        f'<desc id="{ident}-d">{escape("; ".join(mark.title for mark in marks))}</desc>',
    ]
    for tick in scale.ticks:
        x = _n(scale.x(tick))
        css = "zero" if tick == 0 and scale.low < 0 else "grid"
        parts.append(f'<line class="{css}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 15}">{_tick(tick)}</text>')
    middle = _n(scale.x((scale.low + scale.high) / 2))
    parts.append(f'<text class="axis" x="{middle}" y="{bottom + 32}">{escape(axis)}</text>')
    parts += [_row(mark, scale, _TOP + _ROW * i + _ROW // 2) for i, mark in enumerate(marks)]
    parts.append("</svg>")
    return Markup("\n".join(parts))


def _row(mark: Mark, scale: Scale, y: int) -> str:
    parts = [f'<g class="{escape(mark.kind)}"><title>{escape(mark.title)}</title>']
    parts.append(f'<text class="label" x="{_LABEL}" y="{y + 4}">{escape(_short(mark.label))}</text>')
    if mark.low is not None and mark.high is not None:
        x1, x2 = _n(scale.x(mark.low)), _n(scale.x(mark.high))
        parts.append(f'<line class="span" x1="{x1}" x2="{x2}" y1="{y}" y2="{y}"/>')
    parts.append(_point(mark.kind, scale.x(mark.value), y))
    parts.append(f'<text class="value" x="{_WIDTH}" y="{y + 4}">{escape(mark.text)}</text></g>')
    return "".join(parts)


def _point(kind: str, x: float, y: int) -> str:
    """Return the marker; each verdict has a shape of its own, so that colour is never needed."""
    if kind == "better":
        return f'<path class="point" d="M{_n(x - 5.5)} {y + 4.5}h11l-5.5-10z"/>'
    if kind == "worse":
        return f'<path class="point" d="M{_n(x - 5.5)} {y - 4.5}h11l-5.5 10z"/>'
    if kind == "equivalent":
        return f'<path class="point" d="M{_n(x - 5)} {y - 3}h10M{_n(x - 5)} {y + 3}h10"/>'
    if kind == "descriptive":
        return f'<line class="point" x1="{_n(x)}" x2="{_n(x)}" y1="{y - 5}" y2="{y + 5}"/>'
    return f'<circle class="point" cx="{_n(x)}" cy="{y}" r="4"/>'


def tally(counts: Sequence[tuple[str, int]], *, ident: str) -> Markup:
    """Draw a bar of tasks by verdict, one square a task up to 24, else in proportion."""
    total = sum(n for _, n in counts)
    words = ", ".join(f"{kind} on {n}" for kind, n in counts if n)
    gap, height = 2, 12
    size = 14.0 if total <= 24 else 24 * 14.0 / total
    width = _n(max(total, 1) * size)
    parts = [
        f'<svg class="tally" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-labelledby="{ident}-t"><title id="{ident}-t">{escape(words)}</title>'
    ]
    place = 0
    for kind, n in counts:
        for _ in range(n):
            x, wide = _n(place * size), _n(max(size - gap, 0.6))
            parts.append(f'<rect class="{escape(kind)}" x="{x}" y="1" width="{wide}" height="10" rx="1.5"/>')
            place += 1
    parts.append("</svg>")
    return Markup("".join(parts))


def _short(text: str, limit: int = 24) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
