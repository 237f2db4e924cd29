"""Axes with round ticks, and how numbers are written into SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` to `high` with its `ticks`, in the unit of what is drawn.

    `start` and `end` are where the two lie, in SVG units.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the place of `value`, in SVG units."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale_of(
    values: Iterable[float | None],
    *,
    start: float,
    end: float,
    zero: bool = False,
    least: float = 1.0,
    most: float | None = None,
) -> Scale:
    """Choose round limits that hold every value, and 0 if `zero`; never narrower than `least` in all.

    `most` is a value that cannot be passed: the axis ends there unless something lies beyond.
    """
    ends = [v for v in values if v is not None]
    ends += [0.0] if zero or not ends else []
    low, high = min(ends), max(ends)
    step = _step(max(high - low, least) / 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    top = last * step
    if most is not None and high <= most < top:
        top = most
    ticks = tuple(i * step for i in range(first, last + 1) if i * step <= top)
    return Scale(first * step, top, ticks, start, end)


def _step(rough: float) -> float:
    power = float(10 ** math.floor(math.log10(rough)))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough)


def tick_text(value: float) -> str:
    """Return the label of a tick: '−0.5', '20'."""
    return f"{value:.6g}".replace("-", "−")


def number(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
