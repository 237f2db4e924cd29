"""Score against cost: a point a variant, and the line of those that no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.charts.axes import number, scale_of, tick_text

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 320, 44, 120, 16, 42


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A variant's cost and score."""

    label: str
    cost: float
    score: float


def front(points: Sequence[Spent]) -> list[Spent]:
    """Return the points that no other beats, cheapest first: each costs more than the one before and scores higher.

    >>> a, b, c = (Spent(label=n, cost=x, score=y) for n, x, y in (("a", 1, 5), ("b", 2, 4), ("c", 3, 9)))
    >>> [each.label for each in front([c, b, a])]
    ['a', 'c']
    """
    found: list[Spent] = []
    for point in sorted(points, key=lambda each: (each.cost, -each.score)):
        if not found or point.score > found[-1].score:
            found.append(point)
    return found


def scatter(points: Sequence[Spent], *, title: str, across: str, up: str, ident: str) -> Markup:
    """Draw `points`; those of the front are joined by a line and carry their names."""
    best, bottom = front(points), _HEIGHT - _BOTTOM
    horizontal = scale_of([p.cost for p in points], start=_LEFT, end=_WIDTH - _RIGHT, zero=True)
    vertical = scale_of([p.score for p in points], start=bottom, end=_TOP)
    said = "; ".join(f"{p.label}: {tick_text(round(p.score, 1))} at {tick_text(round(p.cost, 1))}" for p in points)
    parts = [
        f'<svg class="curves" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"><title id="{ident}-t">{escape(title)}</title>'
        f'<desc id="{ident}-d">{escape(said)}</desc>'
    ]
    for tick in vertical.ticks:
        y = number(vertical.at(tick))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick left" x="{_LEFT - 6}" y="{float(y) + 4:.1f}">{tick_text(tick)}</text>')
    for tick in horizontal.ticks:
        x = number(horizontal.at(tick))
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 17}">{tick_text(tick)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    parts.append(f'<text class="axis" x="{middle}" y="{_HEIGHT - 7}">{escape(across)}</text>')
    parts.append(f'<text class="axis" transform="translate(11 {(_TOP + bottom) // 2}) rotate(-90)">{escape(up)}</text>')
    at = {p.label: (number(horizontal.at(p.cost)), number(vertical.at(p.score))) for p in points}
    way = "L".join(" ".join(at[p.label]) for p in best)
    parts.append(f'<g class="line s0"><path class="way" d="M{way}"/></g>')
    for p in points:
        x, y = at[p.label]
        style = 0 if p in best else 7
        parts.append(
            f'<g class="line s{style}"><title>{escape(p.label)}</title><circle class="dot" cx="{x}" cy="{y}" r="4"/>'
        )
        if p in best:
            parts.append(f'<text class="name" x="{float(x) + 8:.1f}" y="{float(y) + 4:.1f}">{escape(p.label)}</text>')
        parts.append("</g>")
    return Markup("".join([*parts, "</svg>"]))
