"""Figures for a paper, drawn with matplotlib: PDF, SVG or PNG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.compare.points import ScorePoint, degree_of, score_points, trained_of
from harness.compare.results import Comparison
from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.store import Store

KINDS = ("ladder", "dose", "budget")
SUFFIXES = (".pdf", ".svg", ".png")
# Okabe and Ito 2008: eight colours that readers with any colour vision tell apart, with a marker for print in grey.
_LOOKS = tuple(
    zip(("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"), "os^Dv<P", strict=True)
)
_SHAPES = {"better": ("^", "#0072B2"), "worse": ("v", "#D55E00"), "equivalent": ("_", "#555555")}
_OTHER = ("o", "#999999")


def check_out(out: Path) -> None:
    """Raise HarnessError if no figure can be written to `out`, or matplotlib is not installed."""
    if out.suffix not in SUFFIXES:
        raise HarnessError(f"{out} has no known kind of figure; end its name in {', '.join(SUFFIXES)}")
    if not out.parent.is_dir():
        raise HarnessError(f"the folder {out.parent} does not exist; make it, or name another file with --out")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise HarnessError(
            "figures need matplotlib; install it with `pip install 'encoder-harness[figures]'`"
        ) from None


def ladder_figure(steps: Sequence[Comparison], out: Path) -> None:
    """Draw each step of the ladder: the mean difference with its interval, and below it each task by its verdict."""
    figure, axes = _new(height=0.6 + 0.55 * len(steps))
    for row, step in enumerate(reversed(steps)):
        for task in step.tasks:
            if not task.is_retention:
                marker, colour = _SHAPES.get(task.verdict, _OTHER)
                value = get_metric(task.key.metric).scale * task.difference
                axes.plot(value, row - 0.22, marker, color=colour, markersize=4, alpha=0.8)
        if step.across is not None:
            mean, ends = step.across.raw.value, step.across.raw.interval
            if ends is not None:
                axes.plot([100 * ends.low, 100 * ends.high], [row, row], "-", color="black", linewidth=1.5)
            axes.plot(100 * mean, row, "D", color="black", markersize=5)
    names = [f"{step.against.variant} → {step.variant.variant}" for step in reversed(steps)]
    axes.set_yticks(range(len(steps)), names)
    axes.set_ylim(-0.6, len(steps) - 0.5)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(
        "change in points\n◆ mean with 95 % interval   ▲ better   ▼ worse   – equivalent   ● not decided", fontsize=8
    )
    _write(figure, out)


def points_figure(store: Store, kind: str, out: Path, *, base: str, tasks: Sequence[str] | None) -> None:
    """Draw scores by the degree of the mask (`dose`) or by how far the last stage was trained (`budget`).

    One panel a task, one line a variant. Raises HarnessError if the store has no such points.
    """
    found: Sequence[ScorePoint[Any]]
    if kind == "budget":
        found = score_points(store, trained_of, base=base, tasks=tasks)
        place: Callable[[ScorePoint[Any]], float] = lambda point: float(point.at.steps)  # noqa: E731
        across, how = "steps of the last stage", "harness run --variant bidir-mntp --at 0,50,100"
    else:
        found = [p for p in score_points(store, degree_of, base=base, tasks=tasks) if p.at.from_layer == 0]
        windows = sorted({p.at.ahead for p in found if p.at.ahead is not None})
        place = lambda p: float(len(windows) if p.at.ahead is None else windows.index(p.at.ahead))  # noqa: E731
        across, how = "tokens that a token sees ahead", "harness dose"
    if not found:
        raise HarnessError(f"the database has no results for the figure {kind} on base {base}; make some with `{how}`")
    names = list(dict.fromkeys(point.cell.task for point in found))
    figure, panels = _new(columns=len(names))
    for name, axes in zip(names, panels if len(names) > 1 else [panels], strict=True):
        here = [point for point in found if point.cell.task == name]
        for number, variant in enumerate(dict.fromkeys(point.variant for point in here)):
            _line([p for p in here if p.variant == variant], place, axes, variant, *_LOOKS[number % len(_LOOKS)])
        metric = get_metric(here[0].cell.metric)
        axes.set_title(name)
        axes.set_xlabel(across)
        axes.set_ylabel(metric.unit if metric.unit == metric.name else f"{metric.name}, {metric.unit}")
        if kind == "dose":
            axes.set_xticks(range(len(windows) + 1), [*map(str, windows), "all"])
        axes.legend(frameon=False)
    _write(figure, out)


def _line(
    points: Sequence[ScorePoint[Any]],
    place: Callable[[ScorePoint[Any]], float],
    axes: Any,
    label: str,
    colour: str,
    marker: str,
) -> None:
    ordered = sorted(points, key=place)
    scale = get_metric(points[0].cell.metric).scale
    y = [scale * float(point.cell.value) for point in ordered]
    ends = [
        (0.0, 0.0) if p.cell.low is None or p.cell.high is None else (v - scale * p.cell.low, scale * p.cell.high - v)
        for p, v in zip(ordered, y, strict=True)
    ]
    axes.errorbar(
        list(map(place, ordered)), y, yerr=[list(side) for side in zip(*ends, strict=True)], color=colour,
        marker=marker, markersize=4, linewidth=1.2, capsize=2, label=label,
    )  # fmt: skip


def _new(*, height: float = 2.6, columns: int = 1) -> tuple[Any, Any]:
    """A figure of the width of a page of text (or wider for several panels), without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(5.5, 3.2 * columns), height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _write(figure: Any, out: Path) -> None:
    """Write the figure; the same results give the same bytes. Text stays text in PDF and SVG."""
    import matplotlib as mpl

    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with mpl.rc_context({"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "harness"}):
        figure.savefig(out, dpi=300, bbox_inches="tight", metadata=dates.get(out.suffix))
