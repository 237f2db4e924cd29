"""A bar of tasks by verdict."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from leaderboard.charts.axes import number


def tally(counts: Sequence[tuple[str, int]], *, ident: str) -> Markup:
    """Draw a bar of tasks by verdict, one square for each task up to 24 tasks, else in proportion."""
    total = sum(n for _, n in counts)
    words = ", ".join(f"{kind} on {n}" for kind, n in counts if n)
    gap, height = 2, 12
    size = 14.0 if total <= 24 else 24 * 14.0 / total
    width = number(max(total, 1) * size)
    parts = [
        f'<svg class="tally" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-labelledby="{ident}-t"><title id="{ident}-t">{escape(words)}</title>'
    ]
    place = 0
    for kind, n in counts:
        if total > 24 and n:  # one bar for each verdict: a hundred thin squares cannot be counted
            x, wide = number(place * size), number(max(n * size - 1, 0.6))
            parts.append(f'<rect class="{escape(kind)}" x="{x}" y="1" width="{wide}" height="10" rx="1.5"/>')
            place += n
            continue
        for _ in range(n):
            x, wide = number(place * size), number(max(size - gap, 0.6))
            parts.append(f'<rect class="{escape(kind)}" x="{x}" y="1" width="{wide}" height="10" rx="1.5"/>')
            place += 1
    parts.append("</svg>")
    return Markup("".join(parts))
