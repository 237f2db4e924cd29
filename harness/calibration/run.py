"""Calibration on this installation: the synthetic grid, and the outcomes that the store holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from harness.calibration.cases import CalibrationCase
from harness.calibration.grid import synthetic_grid
from harness.calibration.redrawn import redrawn_cases
from harness.calibration.report import CalibrationCell, CalibrationReport
from harness.compare.aligned import align
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries
from harness.metrics import METRICS, Aligned, Metric, get_metric
from harness.store import Store

REPLICATES = 2_000
RESAMPLES = 999
_QUICK_PAIRS = 300  # examples of a correlation in a quick calibration: each replicate resamples all of them


def run_calibration(
    store: Store, *, quick: bool, progress: Callable[[int, int, str], None] | None = None
) -> CalibrationReport:
    """Calibrate every method on the synthetic grid and on the outcomes in `store`, and store the report there."""
    store.ready()
    cases = [*synthetic_grid(quick=quick), *store_cases(store, quick=quick)]
    report = calibrate(cases, rng=np.random.default_rng(0), jobs=-1, progress=progress)
    store.add_calibration(report.to_json())
    return report


def calibrate(
    cases: Sequence[CalibrationCase],
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    resamples: int = RESAMPLES,
    jobs: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> CalibrationReport:
    """Run `cases` with `replicates` data sets each, without an effect and with one.

    `resamples` are those within a replicate. Each case has a random stream of its own, so a cell changes neither with
    the cells before it nor with `jobs`, the number of processes (-1: as many as there are cores). `progress` is called
    with how many are done, of how many, and which one is finished.
    """
    began = time.perf_counter()
    cells: list[CalibrationCell] = []
    streams = zip(cases, rng.spawn(len(cases)), strict=True)
    measured = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_cell)(case, own, replicates=replicates, resamples=resamples) for case, own in streams
    )
    for cell in measured:
        cells.append(cell)
        if progress is not None:
            progress(len(cells), len(cases), f"{cell.method}: {cell.design}")
    return CalibrationReport(
        cells=tuple(cells), replicates=replicates, resamples=resamples, seconds=time.perf_counter() - began
    )


def _cell(case: CalibrationCase, rng: np.random.Generator, *, replicates: int, resamples: int) -> CalibrationCell:
    start = time.perf_counter()
    found = case.measure(replicates=replicates, resamples=resamples, rng=rng)
    return CalibrationCell(
        **vars(found), method=case.method, design=case.design, claimed=case.claimed, why=case.why,
        seconds=time.perf_counter() - start,
    )  # fmt: skip


def store_cases(store: Store, *, quick: bool) -> list[CalibrationCase]:
    """Return cells on measured outcomes: each declared step of the ladder on each base (`quick`: the headline alone).

    Tasks whose metric says how its outcomes are redrawn (`Metric.redraw`); of several draws the first, of units of
    unequal size none (a replicate would not have as many examples as the next), of correlations in a quick calibration
    300 examples.
    """
    scores = store.scores()
    entries = current_entries(store, scores=scores)
    entries = [entry for entry in entries if entry.kind == "variant" and not entry.read_otherwise]
    redrawn = [name for name, metric in METRICS.items() if metric.redraw is not None]
    cases: list[CalibrationCase] = []
    for base in sorted({entry.base for entry in entries}):
        here = {entry.variant: entry for entry in entries if entry.base == base}
        for first, second in _pairs(here, quick=quick):
            place = {s.system_id: (e.variant, s.seed) for e in (first, second) for s in e.systems}
            rows = scores[scores["system_id"].isin(place) & scores["metric"].isin(redrawn)]
            for name, group in rows.groupby(["task", "split", "subset"], sort=True):
                columns = {int(r["result"]): place[r["system_id"]] for r in group.to_dict("records")}
                label = f"{name[0]}, {first.variant} and {second.variant}"
                metric = get_metric(group["metric"].iloc[0])
                cases += _cases(store, columns, (first, second), label=label, metric=metric, quick=quick)
    return cases


def _pairs(here: dict[str, Entry], *, quick: bool) -> list[tuple[Entry, Entry]]:
    declared = declared_contrasts()
    headline = declared.headline_among(here)
    wanted = [headline] if quick and headline else [] if quick else [*declared.ladder, *declared.controls]
    return [
        (here[step.variant], here[step.against])
        for step in wanted
        if step is not None and step.variant in here and step.against in here
    ]


def _cases(
    store: Store,
    columns: dict[int, tuple[str, int | None]],
    pair: tuple[Entry, Entry],
    *,
    label: str,
    metric: Metric,
    quick: bool,
) -> Sequence[CalibrationCase]:
    outcomes = store.outcomes(results=columns)
    groups = align(outcomes[outcomes["trial"].eq(outcomes["trial"].min())], metric=metric.name)
    if len(groups) != 1 or metric.redraw is None:
        return []
    (data,) = groups
    sides = [
        {seed: data.column[n] for n, (name, seed) in columns.items() if name == entry.variant and n in data.column}
        for entry in pair
    ]
    if not all(sides):
        return []
    shared = [seed for seed in sides[0] if seed in sides[1]]
    chosen = [[side[seed] for seed in shared] if shared else list(side.values())[:1] for side in sides]
    values, gold = metric.redraw(data)
    rows = _rows(data, few=quick and gold is not None)
    if rows is None:
        return []
    first, second = (values[rows][:, side] for side in chosen)
    return redrawn_cases(label, first, second, gold=None if gold is None else gold[rows], units=data.unit[rows])


def _rows(data: Aligned, *, few: bool) -> np.ndarray | None:
    """Return the rows to redraw from (only a `few` units), or None where the units are not of one size."""
    sizes = pd.Series(data.unit).value_counts()
    if sizes.nunique() != 1:
        return None
    rows = np.arange(len(data.unit))
    if few and len(rows) > _QUICK_PAIRS:
        units = np.random.default_rng(0).permutation(data.n_units)[: _QUICK_PAIRS // int(sizes.iloc[0])]
        rows = rows[np.isin(data.unit, units)]
    return rows
