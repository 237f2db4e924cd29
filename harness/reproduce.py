"""Feng et al. 2025 next to this installation: each published figure, and ours with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from harness.compare.cells import cells
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import current_entries, find_base
from harness.errors import HarnessError
from harness.store import Store
from harness.suites.words.feng2025 import TASKS
from harness.suites.words.figures import STEPS, figure

PROBES = ("linear", "MLP")


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """One measured value and the published one (None: the paper has none) of a task, a probe and a metric.

    `low` and `high` are the ends of the 95 % interval over target words for these checkpoints, None where there is none
    (metrics other than accuracy and Pearson's correlation). `position` is counted in words from the target.
    """

    task: str
    probe: str
    metric: str
    position: int | None
    variant: str
    paper: float | None
    ours: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """The figures of the paper for its base `paper` next to ours.

    A line for each task, probe, metric and position; its figures are in the order of the variants, None where there is
    none.
    """

    paper: str
    variants: tuple[str, ...]
    lines: tuple[tuple[PaperFigure | None, ...], ...]


def in_lines(found: Sequence[PaperFigure], paper: str) -> PaperTable:
    """Arrange figures by line, the variants in declared order."""
    variants = declared_contrasts().order({row.variant for row in found})
    lines: dict[tuple[object, ...], dict[str, PaperFigure]] = {}
    for row in found:
        lines.setdefault((row.task, row.probe, row.metric, row.position), {})[row.variant] = row
    cells = tuple(tuple(line.get(name) for name in variants) for line in lines.values())
    return PaperTable(paper=paper, variants=tuple(variants), lines=cells)


def compare_with_paper(store: Store, *, base: str, paper_base: str, variants: Sequence[str] = ()) -> list[PaperFigure]:
    """Everything that the store has of the paper's tasks on `base`, in the paper's order, ladder order within.

    `paper_base` is the base of the paper whose figures are taken. Raises HarnessError if there is nothing.
    """
    scores = store.scores(diagnostics=True)
    every = current_entries(store, scores=scores)
    base = find_base(every, base)
    entries = [e for e in every if e.base == base and (not variants or e.variant in variants)]
    made: list[PaperFigure] = []
    for task in TASKS:
        for probe in PROBES:
            by: Literal["position"] | None = "position" if len(task.positions) > 1 else None
            for cell in cells(store, entries, scores=scores, tasks=[task.name], subsets=[probe], by=by):
                first = "accuracy" if cell.metric == "accuracy" else "Pearson"
                values = {first: cell.value}
                if first == "Pearson":
                    systems = {s.system_id for e in entries if e.variant == cell.variant for s in e.systems}
                    rows = scores[scores["system_id"].isin(systems) & (scores["task"] == task.name)]
                    values |= other_metrics(store.outcomes(results=rows["result"][rows["subset"] == probe]))
                model = f"{paper_base}{STEPS[cell.variant]}" if cell.variant in STEPS else ""
                for metric, value in values.items():
                    position = cell.position if metric == first else None
                    published = figure(task, probe=probe, metric=metric, model=model, position=position)
                    made.append(
                        PaperFigure(
                            task=task.name.removeprefix("Feng2025"),
                            probe=probe,
                            metric=metric,
                            position=position,
                            variant=cell.variant,
                            paper=published,
                            ours=value,
                            low=cell.low if metric == first else None,
                            high=cell.high if metric == first else None,
                        )
                    )
    if not made:
        raise HarnessError(
            f"the database has no results of the paper's tasks on base {base}; measure them with "
            f"`harness reproduce feng2025 --base {base}`"
        )
    return made


def other_metrics(outcomes: pd.DataFrame) -> dict[str, float]:
    """Spearman's correlation, mean squared error and R² of scores, means over results and trials (dimensions)."""
    from scipy.stats import spearmanr

    found: dict[str, list[float]] = {"Spearman": [], "MSE": [], "R2": []}
    for _, rows in outcomes.groupby(["result", "trial"]):
        gold, told = (rows[name].to_numpy(dtype=float) for name in ("gold_score", "predicted_score"))
        error = float(np.square(gold - told).mean())
        found["Spearman"].append(float(spearmanr(gold, told).statistic))
        found["MSE"].append(error)
        found["R2"].append(1 - error / float(gold.var()))
    return {name: float(np.mean(values)) for name, values in found.items()}
