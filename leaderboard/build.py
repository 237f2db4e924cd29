"""results.duckdb in, a folder of plain files out: no server, no network, no script."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.compare import Progress, TaskComparison, current_entries, scope_of
from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.paths import whole_folder
from harness.store import Store
from leaderboard import text
from leaderboard.charts import Mark, forest, scale_of, tally
from leaderboard.views import Base, Row, Site, Step, Task, make_site

_MARKER = "made-by-harness.txt"  # written last: its presence means a complete site that may be replaced


def build_site(store: Store, out: Path, *, resamples: int = 10_000, progress: Progress | None = None) -> Path:
    """Render the store into folder `out` and return the path of its index.html.

    The same database gives the same bytes, so a site that was made from it by this code is left as it is. The
    site is made beside `out` and swapped in when complete: a kill leaves the old one. Raises HarnessError if the
    store has no scores, or `out` holds anything else.
    """
    _check_replaceable(out)
    scores = store.scores()
    entries = current_entries(store, scores=scores)
    if not entries:
        raise HarnessError(f"{store.path} holds no scores yet; `harness run --variant bidir-supcon` makes some")
    stamp = _stamp(store, scores, resamples)
    marker = out / _MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp:
        return out / "index.html"
    site = make_site(store, entries, scores, resamples=resamples, progress=progress)
    try:
        with whole_folder(out) as fresh:
            for name, content in _pages(site).items():
                path = fresh / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8", newline="\n")
            (fresh / _MARKER).write_text(stamp, encoding="utf-8", newline="\n")
    except OSError as error:
        raise HarnessError(f"cannot write the site to {out}: {error.strerror or error}") from None
    return out / "index.html"


def _stamp(store: Store, scores: pd.DataFrame, resamples: int) -> str:
    """Return what a site is made of: the results, the systems and runs behind them, and the code that draws it."""
    digest = hashlib.sha256(scores.to_csv(index=False).encode())
    kept = (store.systems(), store.runs(), store.overlaps(), store.noise_floors(), store.calibration())
    digest.update(repr((resamples, *kept)).encode())
    packages = ("leaderboard", "harness.compare", "harness.contamination", "harness.stats")
    code = [Path(str(files(package))) for package in packages]
    for place in (*code, Path(str(files("harness"))) / "metrics.py"):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.name.encode() + path.read_bytes())
    return f"This folder is replaced when the results change. Made from {digest.hexdigest()}\n"


def _check_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise HarnessError(f"{out} is a file; name a folder for the site")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARKER).is_file():
        raise HarnessError(f"{out} holds files that are no site of harness; name another folder, or empty this one")


def _pages(site: Site) -> Mapping[str, str]:
    """Return every file of the site by its path."""
    environment = Environment(
        loader=PackageLoader("leaderboard"),
        autoescape=True,  # whatever a card or a model calls itself is text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": text.score,
        "heading": text.heading,
        "change": text.change,
        "span": text.span,
        "p": text.p_value,
        "seeds": text.seeds,
        "flat": text.flatten,
        "what": text.what_interval,
        "rate": text.rate,
    }
    environment.globals |= {"site": site, "scope_of": scope_of, "tally": _tally}
    pages = {"index.html": environment.get_template("index.html").render(root="", forest=_step_forests(site))}
    for task in site.tasks:
        pages[task.href] = environment.get_template("task.html").render(
            root="../", task=task, bases=[b for b in site.bases if task in b.tasks], chart=_score_forest
        )
    for base in site.bases:
        for row in (*base.rows, *base.baselines):
            pages[row.href] = environment.get_template("system.html").render(root="../", base=base, row=row)
    style = (files("leaderboard") / "assets" / "style.css").read_text("utf-8")
    return {**pages, "assets/style.css": style}


def _tally(step: Step, ident: str) -> Markup:
    return tally(step.tally, ident=ident)


def _step_forests(site: Site) -> Mapping[str, Mapping[tuple[str, str], Markup]]:
    """Return a chart for each step of each base, by base and (variant, against)."""
    labels = {task.name: task for task in site.tasks}
    return {
        base.name: _forests(base, base.ladder, labels, ident=f"f{b}-l")
        | _forests(base, base.controls, labels, ident=f"f{b}-c")
        for b, base in enumerate(site.bases)
    }


def _forests(
    base: Base, steps: Sequence[Step], labels: Mapping[tuple[str, str, str], Task], *, ident: str
) -> dict[tuple[str, str], Markup]:
    """Draw the tasks of `steps` that are in points on one scale, so that lengths can be compared between charts."""
    marks = [[_step_mark(found, labels) for found in _in_order(step, base)] for step in steps]
    scale = scale_of([mark for of_step in marks for mark in of_step], zero=True)
    return {
        (step.contrast.variant, step.contrast.against): forest(
            of_step,
            scale=scale,
            title=f"{step.contrast.variant} minus {step.contrast.against}, by task",
            axis=f"{step.contrast.variant} − {step.contrast.against}, points",
            ident=f"{ident}{s}",
        )
        for s, (step, of_step) in enumerate(zip(steps, marks, strict=True))
    }


def _in_order(step: Step, base: Base) -> Sequence[TaskComparison]:
    found = {(t.key.task, t.key.split, t.key.subset): t for t in step.comparison.tasks}
    return [found[task.name] for task in base.encoder_tasks if task.name in found]


def _step_mark(found: TaskComparison, labels: Mapping[tuple[str, str, str], Task]) -> Mark:
    ends, metric = found.interval or found.spread, get_metric(found.key.metric)
    label = labels[found.key.task, found.key.split, found.key.subset].label
    tie = " (within the noise floor)" if found.tie else ""
    return Mark(
        label=label,
        value=metric.scale * found.difference,
        low=metric.scale * ends.low if ends else None,
        high=metric.scale * ends.high if ends else None,
        kind=found.verdict,
        text=text.change(found.difference, metric.name),
        title=f"{label}: {text.change(found.difference, metric.name)} "
        f"({text.span(ends, metric.name, signed=True) or 'no interval'}), {found.verdict}{tie}",
    )


def _score_forest(base: Base, task: Task, ident: str) -> Markup:
    """Draw all rows of `base` on one task."""
    marks = [mark for row in (*base.rows, *base.baselines) if (mark := _score_mark(row, task)) is not None]
    title = f"{task.label} on {base.name or 'no base'}: score by variant"
    metric = get_metric(task.metrics[0])
    axis = metric.unit if metric.unit == metric.name else f"{metric.described}, {metric.unit}"
    scale = scale_of(marks, zero=False, least=metric.least_span)
    return forest(marks, scale=scale, title=title, axis=axis, ident=ident)


def _score_mark(row: Row, task: Task) -> Mark | None:
    score = next((cell.score for cell in row.cells if cell.task == task), None)
    if score is None:
        return None
    ends, metric = score.interval or score.spread, get_metric(score.key.metric)
    shown = text.score(score.score, metric.name)
    return Mark(
        label=row.entry.variant,
        value=metric.scale * score.score,
        low=metric.scale * ends.low if ends else None,
        high=metric.scale * ends.high if ends else None,
        kind="descriptive" if score.spread else "score",
        text=shown,
        title=f"{row.entry.variant}: {shown} ({text.span(ends, metric.name) or 'no interval'})",
    )
