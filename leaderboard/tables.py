"""The tables behind the pages as CSV and parquet, and the database itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from harness.compare.axis.results import AxisAnalysis, Interaction, StepEffect
from harness.compare.cells import Places
from harness.compare.results import TaskComparison, TaskScore
from harness.outcomes import TaskKey
from harness.stats.leave_out import Without
from harness.store import Store
from leaderboard.model import BaseSection, ComparedPair, Site, TaskColumn


@dataclass(frozen=True, kw_only=True)
class Download:
    """A table: what it holds and its files."""

    name: str
    about: str
    n_rows: int
    files: tuple[tuple[str, int], ...]  # name, bytes


def write_tables(
    store: Store, site: Site, places: Mapping[str, Mapping[TaskColumn, Places]], folder: Path
) -> tuple[Download, ...]:
    """Write every table into `folder` and return what was written; the same database gives the same bytes."""
    folder.mkdir(parents=True)
    frames = {
        "results": ("one row for each system and task, also superseded ones, as stored", store.scores(current=False)),
        "scores": (
            "one row for each variant and task: mean over seeds, interval, rank. The table, and the charts of tasks",
            _frame(_scores(site)),
        ),
        "comparisons": (
            "one row for each pair and task: difference, interval, p values, verdict. The forest plots",
            _frame(_pairs(site)),
        ),
        "means": (
            "one row for each pair: the mean over its tasks, and on how many tasks it is better. The ladder",
            _frame(_means(site)),
        ),
        "axis_effects": (
            "one row for each axis, step, level and task: the effect with its interval. The charts of an axis",
            _frame(_of_axes(site, lambda found: found.effects)),
        ),
        "axis_interactions": (
            "one row for each axis, step, level and task: how much more the step changes than on the first level",
            _frame(_of_axes(site, lambda found: found.interactions)),
        ),
        "axis_means": (
            "one row for each axis, step and level: the mean over tasks of an effect, or of an interaction",
            _frame(_axis_means(site)),
        ),
        "axis_bases": ("one row for each base of an axis: what is known of it", _frame(_axis_bases(site))),
        "places": ("word tasks by layer and token position. The charts of the words page", _frame(_places(places))),
        "training": ("the loss of every stage by step. The training curves", _frame(_losses(site))),
    }
    made = []
    for name, (about, frame) in frames.items():
        if frame.empty:
            continue
        cells = frame.map(plain_cell).to_csv(index=False, lineterminator="\n")
        (folder / f"{name}.csv").write_text(cells, "utf-8", newline="\n")
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        files = tuple((f"{name}.{kind}", (folder / f"{name}.{kind}").stat().st_size) for kind in ("csv", "parquet"))
        made.append(Download(name=name, about=about, n_rows=len(frame), files=files))
    kept = store.copy_to(folder / "results.duckdb")
    files = tuple((path.name, path.stat().st_size) for path in kept)
    about = "the database: every outcome of every example, runs, stages, mask proofs"
    made.append(Download(name="database", about=about, n_rows=0, files=files))
    return tuple(made)


def plain_cell(value: Any) -> Any:
    """Return text that a spreadsheet would take for a formula behind an apostrophe, and every other value as it is."""
    if not isinstance(value, str) or value[:1] not in set("=+-@\t\r\n"):
        return value
    with suppress(ValueError):
        float(value)
        return value
    return f"'{value}"


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _scores(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for row in base.all_rows:
            for cell in row.cells:
                if cell.score:
                    named = {"base": base.name, "variant": row.entry.variant, "kind": row.entry.kind}
                    place = base.place_on(cell.task, row.entry.variant) if row.entry.kind != "baseline" else None
                    ranks = {
                        "rank_low": place.ranks.low if place else None,
                        "rank_high": place.ranks.high if place else None,
                        "letters": place.letters if place else None,
                    }
                    overlap = {"training_data_overlaps": cell.overlap.overlaps if cell.overlap else None}
                    yield {**named, **flat(cell.score), **ranks, **overlap}


def flat(result: TaskScore | TaskComparison | StepEffect | Interaction) -> dict[str, Any]:
    """Return the fields of a result as the columns of a table.

    An interval and a range give their two ends, a check its p; `estimate` is left out: it holds the same numbers.
    """
    row: dict[str, Any] = {}
    for each in fields(result):
        value, kind = getattr(result, each.name), str(each.type)
        if isinstance(value, TaskKey):
            row |= asdict(value)
        elif "Interval" in kind or "DrawSpread" in kind:
            row |= _ends("draws" if each.name == "spread" else each.name, value)
        elif "Estimate" in kind:
            row |= _ends(each.name, value.interval if value else None) if each.name != "estimate" else {}
        elif "Welch" in kind or "McNemar" in kind:
            row[f"{each.name}_p"] = value.p if value else None
        elif isinstance(value, tuple):
            row[each.name] = " ".join(str(part) for part in value if part is not None)
        else:
            row[each.name] = value
    return row


def _ends(name: str, interval: Any) -> dict[str, Any]:
    return {f"{name}_low": getattr(interval, "low", None), f"{name}_high": getattr(interval, "high", None)}


def _range(name: str, means: Iterable[Without]) -> dict[str, float | None]:
    values = [each.value for each in means]
    return {f"{name}_low": min(values, default=None), f"{name}_high": max(values, default=None)}


def _pairs(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for pair in base.pairs:
            for found in pair.comparison.tasks:
                yield {**_names(base, pair), **flat(found)}


def _names(base: BaseSection, pair: ComparedPair) -> dict[str, Any]:
    return {"base": base.name, "variant": pair.names[0], "against": pair.names[1]}


def _means(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for pair in base.pairs:
            across, better, without = pair.comparison.across, pair.comparison.replicability, pair.comparison.without
            if across is not None:
                yield {
                    **_names(base, pair),
                    "declared": pair.contrast is not None,
                    "n_tasks": across.n_tasks,
                    "difference": across.raw.value,
                    **_ends("interval", across.raw.interval),
                    "p": across.raw.p,
                    **_range("without_one_task", without.by_task if without else ()),
                    **_range("without_one_seed", without.by_seed if without else ()),
                    "better_on_at_least": better.at_least if better else None,
                    **dict(pair.tally),
                }


def _of_axes(
    site: Site, part: Callable[[AxisAnalysis], Sequence[StepEffect | Interaction]]
) -> Iterable[Mapping[str, Any]]:
    of_axes = ((section, analysis) for section in site.axes for analysis in section.analyses)
    for section, analysis in of_axes:
        for found in part(analysis):
            row = flat(found)
            step, level, against = row.pop("step"), row.pop("level"), row.pop("against", "")
            names = {"axis": section.axis.name, "variant": step.variant, "against": step.against}
            yield {**names, "level": level, "against_level": against, "at_width": analysis.width, **row}


def _axis_means(site: Site) -> Iterable[Mapping[str, Any]]:
    of_axes = ((section, analysis) for section in site.axes for analysis in section.analyses)
    for section, analysis in of_axes:
        for mean in analysis.means:
            yield {
                "axis": section.axis.name,
                "variant": mean.step.variant,
                "against": mean.step.against,
                "level": mean.level,
                "against_level": mean.against,
                "at_width": analysis.width,
                "n_tasks": mean.across.n_tasks,
                "value": mean.across.raw.value,
                **_ends("interval", mean.across.raw.interval),
                "sampled": mean.sampled,
                "p_adjusted": mean.verdict.p if mean.verdict else None,
                "verdict": mean.verdict.verdict if mean.verdict else None,
            }


def _axis_bases(site: Site) -> Iterable[Mapping[str, Any]]:
    for section in site.axes:
        for facts in section.analysis.facts if section.analysis else ():
            yield {"axis": section.axis.name, **asdict(facts)}


def _places(places: Mapping[str, Mapping[TaskColumn, Places]]) -> Iterable[Mapping[str, Any]]:
    for base, task, read in ((base, *each) for base, found in places.items() for each in found.items()):
        for s in read.cells:
            yield {
                "base": base,
                "variant": s.variant,
                "task": task.label,
                "metric": s.metric,
                "layer": s.layer,
                "position": s.position,
                "score": s.value,
                "interval_low": s.low,
                "interval_high": s.high,
                "n_examples": s.n_examples,
                "most_frequent_label": read.guess,
            }


def _losses(site: Site) -> Iterable[Mapping[str, Any]]:
    for digest, stage in site.stages.items():
        for step, loss in stage.losses:
            yield {"stage": digest, "kind": stage.kind, "step": step, "loss": loss}
