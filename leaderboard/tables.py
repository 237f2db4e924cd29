"""The tables behind the pages as CSV and parquet, and the database itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.compare import Places
from harness.store import Store
from leaderboard.model import Base, Site, Task


@dataclass(frozen=True, kw_only=True)
class Download:
    """A table: what it holds and its files."""

    name: str
    about: str
    n_rows: int
    files: tuple[tuple[str, int], ...]  # name, bytes


def write_tables(
    store: Store, site: Site, places: Mapping[tuple[str, Task], Places], folder: Path
) -> tuple[Download, ...]:
    """Write every table into `folder` and return what was written; the same database gives the same bytes."""
    folder.mkdir(parents=True)
    frames = {
        "results": ("one row a system and task, superseded ones too, as stored", store.scores(current=False)),
        "scores": (
            "one row a variant and task: mean over seeds, interval, rank; the table, the charts of a task",
            _frame(_scores(site)),
        ),
        "comparisons": (
            "one row a pair and task: difference, interval, p values, verdict; the forest plots",
            _frame(_pairs(site)),
        ),
        "means": (
            "one row a pair: the mean over its tasks, on how many it is better; the ladder",
            _frame(_means(site)),
        ),
        "places": ("word tasks by layer and token position; the charts of the words page", _frame(_places(places))),
        "training": ("the loss of every stage by step; the training curves", _frame(_losses(site))),
    }
    made = []
    for name, (about, frame) in frames.items():
        if frame.empty:
            continue
        (folder / f"{name}.csv").write_text(frame.to_csv(index=False, lineterminator="\n"), "utf-8", newline="\n")
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        files = tuple((f"{name}.{kind}", (folder / f"{name}.{kind}").stat().st_size) for kind in ("csv", "parquet"))
        made.append(Download(name=name, about=about, n_rows=len(frame), files=files))
    kept = store.copy_to(folder / "results.duckdb")
    files = tuple((path.name, path.stat().st_size) for path in kept)
    about = "the database: every outcome of every example, runs, stages, mask proofs"
    made.append(Download(name="database", about=about, n_rows=0, files=files))
    return tuple(made)


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _scores(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for row in base.all_rows:
            for cell in row.cells:
                if cell.score:
                    yield {**_of_row(base, cell, row), **_overlap(cell)}


def _of_row(base: Base, cell: Any, row: Any) -> dict[str, Any]:
    score, key = cell.score, cell.score.key
    place = base.place_on(cell.task, row.entry.variant) if row.entry.kind != "baseline" else None
    return {
        "base": base.name,
        "variant": row.entry.variant,
        "kind": row.entry.kind,
        "task": key.task,
        "split": key.split,
        "subset": key.subset,
        "revision": key.revision,
        "metric": key.metric,
        "task_type": score.task_type,
        "score": score.score,
        **_ends("interval", score.interval),
        **_ends("draws", score.spread),
        "rank_low": place.ranks.low if place else None,
        "rank_high": place.ranks.high if place else None,
        "letters": place.letters if place else None,
        "seeds": " ".join(str(seed) for seed in score.seeds if seed is not None),
        "seed_sd": score.seed_sd,
        "n_examples": score.n_examples,
        "n_units": score.n_units,
        "n_trials": score.n_trials,
    }


def _overlap(cell: Any) -> dict[str, Any]:
    return {"training_data_overlaps": cell.overlap.overlaps if cell.overlap else None}


def _ends(name: str, interval: Any) -> dict[str, Any]:
    return {f"{name}_low": getattr(interval, "low", None), f"{name}_high": getattr(interval, "high", None)}


def _pairs(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for pair in base.pairs:
            for found in pair.comparison.tasks:
                yield {
                    "base": base.name,
                    "variant": pair.contrast.variant,
                    "against": pair.contrast.against,
                    "task": found.key.task,
                    "split": found.key.split,
                    "subset": found.key.subset,
                    "revision": found.key.revision,
                    "metric": found.key.metric,
                    "score": found.score,
                    "score_against": found.score_against,
                    "difference": found.difference,
                    **_ends("interval", found.interval),
                    **_ends("draws", found.spread),
                    "p": found.p,
                    "p_adjusted": found.p_adjusted,
                    "p_holm": found.p_holm,
                    "p_equivalent": found.p_equivalent,
                    "mde": found.mde,
                    "verdict": found.verdict,
                    "family": found.family,
                    "over": found.over,
                    "n_seeds": found.n_seeds,
                    "seed_sd": found.seed_sd,
                    "n_examples": found.n_examples,
                    "n_units": found.n_units,
                    "method": found.method,
                }


def _means(site: Site) -> Iterable[Mapping[str, Any]]:
    for base in site.bases:
        for pair in base.pairs:
            across, better = pair.comparison.across, pair.comparison.replicability
            if across is not None:
                yield {
                    "base": base.name,
                    "variant": pair.contrast.variant,
                    "against": pair.contrast.against,
                    "declared": pair.declared,
                    "n_tasks": across.n_tasks,
                    "difference": across.raw.value,
                    **_ends("interval", across.raw.interval),
                    "p": across.raw.p,
                    "better_on_at_least": better.at_least if better else None,
                    **dict(pair.tally),
                }


def _places(places: Mapping[tuple[str, Task], Places]) -> Iterable[Mapping[str, Any]]:
    for (base, task), read in places.items():
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
        for step, loss in stage.manifest.get("losses") or []:
            yield {"stage": digest, "kind": stage.kind, "step": step, "loss": loss}
