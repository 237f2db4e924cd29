"""Lines over layers, positions or steps, each with its interval; colour, dash and marker tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.charts.axes import Scale, number, scale_of, tick_text
from leaderboard.charts.forest import point

STYLES = 9  # colours, dashes and markers of the style sheet


@dataclass(frozen=True)
class Frame:
    """The size of a chart and of its margins, in SVG units."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def across(self, places: Sequence[float] | None, xs: Sequence[float]) -> Scale:
        """Return the horizontal axis: with the ticks `places`, or with round ones that hold `xs`."""
        start, end = self.left, self.width - self.right
        if not places:
            return scale_of(xs, start=start, end=end)
        room = 0.4 if len(places) > 1 else 1.0
        return Scale(min(places) - room, max(places) + room, tuple(places), start, end)


FULL = Frame(480, 250, 52, 12, 10, 42)
SMALL = Frame(240, 156, 44, 8, 8, 24)  # without words on its axes


@dataclass(frozen=True)
class Point:
    """One place of a line; the ends are None where no interval is known.

    With a verdict as its `kind`, or 'score', it has the mark of a forest plot, and `said` is what that mark says.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    kind: str = ""
    said: str = ""

    @property
    def ends(self) -> tuple[float | None, ...]:
        """What a scale has to hold."""
        return (self.y, self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line: `style` counts the looks, `parts` are its pieces (a gap between each two)."""

    label: str
    style: int
    parts: tuple[tuple[Point, ...], ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """All places, in order."""
        return tuple(point for part in self.parts for point in part)


def curves(
    series: Sequence[Series],
    *,
    title: str,
    across: str,
    up: str,
    ident: str,
    markers: bool = True,
    level: float | None = None,
    places: Sequence[float] | None = None,
    names: Sequence[str] = (),
    most: float | None = None,
    least: float = 0.5,
    also: Sequence[float | None] = (),
    frame: Frame = FULL,
) -> Markup:
    """Draw `series`; `level` is a line across, `places` are the ticks across (None: round ones), `names` what they say.

    `most` is the largest value there can be, `least` the smallest height of the axis, `also` what it has to hold too.
    """
    points = [each for line in series for each in line.points]
    ends = [*(v for p in points for v in p.ends), level, *also]
    vertical = scale_of(ends, start=frame.height - frame.bottom, end=frame.top, least=least, most=most)
    horizontal = frame.across(places, [each.x for each in points])
    called = dict(zip(places or (), names, strict=False))
    said = "; ".join(f"{each.label}: {_said(each, called)}" for each in series)
    parts = [
        f'<svg class="curves" viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}" height="{frame.height}" '
        f'role="img" aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape(said)}</desc>'
    ]
    parts += _grid(frame, horizontal, vertical, across, up, called)
    if level is not None:
        y = number(vertical.at(level))
        parts.append(f'<line class="level" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y}" y2="{y}"/>')
    apart = min(0.08, 0.5 / max(1, len(series))) if places and markers else 0.0
    for i, each in enumerate(series):
        shift = (i - (len(series) - 1) / 2) * apart
        parts.append(_line(each, horizontal, vertical, shift, markers))
    return Markup("".join([*parts, "</svg>"]))


def _said(each: Series, called: Mapping[float, str]) -> str:
    shown = each.points if len(each.points) <= 24 else (each.points[0], each.points[-1])
    return ", ".join(f"{called.get(p.x) or tick_text(p.x)}: {tick_text(round(p.y, 3))}" for p in shown)


def _grid(
    frame: Frame, horizontal: Scale, vertical: Scale, across: str, up: str, called: Mapping[float, str]
) -> list[str]:
    left, right, bottom = frame.left, frame.width - frame.right, frame.height - frame.bottom
    parts = []
    for tick in vertical.ticks:
        y = number(vertical.at(tick))
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick left" x="{left - 6}" y="{float(y) + 4:.1f}">{tick_text(tick)}</text>')
    for tick in horizontal.ticks:
        x = number(horizontal.at(tick))
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{bottom + 17}">{escape(called.get(tick) or tick_text(tick))}</text>'
        )
    if across:
        middle = (left + right) // 2
        parts.append(f'<text class="axis" x="{middle}" y="{frame.height - 7}">{escape(across)}</text>')
    if up:
        middle = (frame.top + bottom) // 2
        parts.append(f'<text class="axis" transform="translate(11 {middle}) rotate(-90)">{escape(up)}</text>')
    return parts


def _line(each: Series, horizontal: Scale, vertical: Scale, shift: float, markers: bool) -> str:
    style = each.style % STYLES
    parts = [f'<g class="line s{style}"><title>{escape(each.label)}</title>']
    for piece in each.parts:
        places = [(horizontal.at(p.x + shift), vertical.at(p.y)) for p in piece]
        path = "L".join(f"{number(x)} {number(y)}" for x, y in places)
        parts.append(f'<path class="way" d="M{path}"/>')
        if not markers:
            continue
        for p, (x, y) in zip(piece, places, strict=True):
            parts.append(f'<g class="{escape(p.kind)}"><title>{escape(p.said)}</title>' if p.kind else "")
            if p.low is not None and p.high is not None:
                y1, y2 = number(vertical.at(p.low)), number(vertical.at(p.high))
                parts.append(f'<line class="span" x1="{number(x)}" x2="{number(x)}" y1="{y1}" y2="{y2}"/>')
            parts.append(f"{point(p.kind, x, y)}</g>" if p.kind else _marker(style, x, y))
    return "".join([*parts, "</g>"])


def _marker(style: int, x: float, y: float) -> str:
    n, r = number, 3.6
    match style % 4:
        case 0:
            return f'<circle class="dot" cx="{n(x)}" cy="{n(y)}" r="{r}"/>'
        case 1:
            return f'<rect class="dot" x="{n(x - 3.2)}" y="{n(y - 3.2)}" width="6.4" height="6.4"/>'
        case 2:
            return f'<path class="dot" d="M{n(x - 4)} {n(y + 3.4)}h8l-4 -7.4z"/>'
    return f'<path class="dot" d="M{n(x - 4.4)} {n(y)}l4.4 -4.4l4.4 4.4l-4.4 4.4z"/>'


def level_swatch() -> Markup:
    """Draw the sample of a line across."""
    return Markup(
        '<svg class="curves swatch" viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">'
        '<line class="level" x1="1" x2="27" y1="6" y2="6"/></svg>'
    )


def swatch(style: int) -> Markup:
    """Draw the sample of a line for a legend; the page shows the name next to it."""
    look = style % STYLES
    return Markup(
        f'<svg class="curves swatch" viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">'
        f'<g class="line s{look}"><path class="way" d="M1 6L27 6"/>{_marker(look, 14, 6)}</g></svg>'
    )
