"""Writes numbers and names: scores in the unit of their metric, file names from any text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from harness.calibration.report import Rate
from harness.compare.overall import MEAN_METRIC
from harness.compare.results import TaskScore
from harness.metrics import get_metric
from harness.stats.estimate import DrawSpread, Interval

NONE = "–"
_SLUG_LENGTH = 60


def score(value: float | None, metric: str = MEAN_METRIC) -> str:
    """Return a score in its metric's unit, a mean over tasks in points: an accuracy of 0.6904 is '69.0'."""
    return NONE if value is None else get_metric(metric).write(value).replace("-", "−")


def change(value: float | None, metric: str = MEAN_METRIC) -> str:
    """Return a difference in the metric's unit, with its sign: '+1.5', '−0.3'."""
    return NONE if value is None else get_metric(metric).write_change(value).replace("-", "−")


def span(interval: Interval | DrawSpread | None, metric: str = MEAN_METRIC, *, signed: bool = False) -> str:
    """Return both ends of an interval or a range, or an empty string."""
    if interval is None:
        return ""
    write = change if signed else score
    return f"{write(interval.low, metric)} to {write(interval.high, metric)}"


def percent(value: float) -> str:
    """Return a share in percent, without the sign of percent: '32', '−140'."""
    return f"{100 * value:z.0f}".replace("-", "−")


def typeset(sentence: str) -> str:
    """Return a sentence of the terminal as the page has it: minus signs, and no marks around names."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", sentence.replace("`", ""))


def breakable(name: str) -> Markup:
    """Return a name that a narrow column may break between its words: MiniAnimacyBefore, v_measure."""
    return Markup("<wbr>").join(re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=_)(?=\w)", name))


def heading(metrics: Iterable[str]) -> str:
    """Return what a column says under its task's name: the metric, and its direction where lower is better."""
    return ", ".join(get_metric(name).described for name in metrics)


def p_value(p: float | None) -> str:
    """Return p with three decimals, without the leading zero."""
    if p is None:
        return NONE
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def rate(value: Rate | None) -> str:
    """Return a share of replicates in percent with its Monte-Carlo error: '5.1 ± 0.5'."""
    return NONE if value is None else f"{100 * value.value:.1f} ± {100 * value.se:.1f}"


def seeds(values: Iterable[int | None]) -> str:
    """Return training seeds as text; a variant without randomness has none."""
    known = [str(seed) for seed in values if seed is not None]
    return ", ".join(known) if known else "no seed"


def what_interval(score: TaskScore) -> str:
    """Say what the two numbers below a score are."""
    if score.spread is not None:
        return f"range over {score.spread.n_draws} draws"
    if score.interval is None:
        return "no interval can be estimated"
    return f"{score.interval.level:.0%} interval, {score.interval.method}"


def slugs(names: Iterable[str]) -> Mapping[str, str]:
    """Return a file name for each name: safe everywhere, readable where possible, never the same twice."""
    taken: dict[str, str] = {}
    for name in sorted(set(names)):
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:_SLUG_LENGTH]
        # file systems that ignore case would merge two names that differ by case alone
        if not slug or slug != name or slug.lower() in {other.lower() for other in taken.values()}:
            slug = f"{slug or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        taken[name] = slug
    return taken


def flatten(value: object, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested data as (dotted name, text) pairs in their own order."""
    if isinstance(value, Mapping) and value:
        items = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list | tuple) and any(isinstance(part, Mapping | list | tuple) for part in value):
        items = [(str(i), part) for i, part in enumerate(value, 1)]
    elif isinstance(value, list | tuple):
        return [(prefix, ", ".join(map(str, value)) or NONE)]
    else:
        return [(prefix, NONE if value is None or value == {} else str(value))]
    return [pair for key, part in items for pair in flatten(part, f"{prefix}.{key}" if prefix else key)]


def seconds(value: float | None) -> str:
    """Return a duration: '0.4 s', '58 s', '12 min', '3.4 h'."""
    if value is None:
        return NONE
    if value < 100:
        return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 6000 else f"{value / 3600:.1f} h"


def size(n_bytes: int) -> str:
    """Return a size in bytes: '12 kB', '3.4 MB', '1.2 GB'."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{max(1, round(n_bytes / 1e3))} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"


def count(value: int | None) -> str:
    """Return a large count in three figures: '812', '81.5 k', '1.23 M'."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return str(value)


def sort_key(value: float | None) -> str:
    """Return a number as a table is sorted by it; empty where there is none."""
    return "" if value is None else f"{value:.6g}"


def small(value: float | None) -> str:
    """Return an answer to one example: a share of right answers, or a predicted score."""
    if value is None or value != value:
        return NONE
    return f"{value:.3g}".replace("-", "−")


def signed(value: float) -> str:
    """Return a change of an answer to one example."""
    return f"{value:+.3f}".replace("-", "−")
