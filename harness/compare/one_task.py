"""One task of several entries: which results can be compared, and what follows from their answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from harness.compare.aligned import align, explain_difference
from harness.compare.estimates import SeedColumns, claimed, estimate_task
from harness.compare.results import TaskComparison, TaskScore
from harness.metrics import Aligned, get_metric
from harness.outcomes import TaskKey, TaskPart
from harness.stats.contrast import make_contrast
from harness.stats.contributions import Contributions
from harness.stats.effects import crossed_effect
from harness.stats.welch import outlying, welch_test

Name = tuple[str, str]  # base, variant
NamePair = tuple[Name, Name]
Cells = Mapping[Name, Mapping[int | None, Mapping[str, Any]]]  # entry -> seed -> row of Store.scores
_SAME = {"revision": "revision", "metric": "metric", "evaluation": "version of the evaluation"}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something could not be compared; `pair` or `entry` is whom it concerns."""

    pair: NamePair | None = None
    entry: Name | None = None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The systems whose results in one task can be compared: what a test family reads (`columns` are of `table`)."""

    key: TaskKey
    task_type: str
    table: Contributions
    columns: Mapping[Name, SeedColumns]


@dataclass(frozen=True, kw_only=True)
class OneTask:
    """What a task gives: scores by entry, comparisons by pair (not yet adjusted), and what is left out."""

    scores: dict[Name, TaskScore] = field(default_factory=dict)
    comparisons: dict[NamePair, TaskComparison] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)
    missing: dict[NamePair, Name] = field(default_factory=dict)  # with the one that was measured
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class AskedAlike:
    """Results that can be compared: the same examples, with one revision, metric and evaluation version."""

    data: Aligned
    key: TaskKey
    task_type: str


def analyse_task(
    name: TaskPart,
    cells: Cells,
    outcomes: pd.DataFrame,
    *,
    entries: Collection[Name],
    pairs: Sequence[NamePair],
    rng_seed: Sequence[int],
    resamples: int,
) -> OneTask:
    """Estimate `entries` and `pairs` of those in `cells`; `outcomes` holds the rows of all their results.

    Whoever else is in `cells` is only part of the panels.
    """
    groups, place, problems = place_entries(name, cells, outcomes)
    task = OneTask(problems=problems)
    comparable = []
    for pair in pairs:
        present = [entry for entry in pair if entry in place]
        if len(present) == 1:
            task.missing[pair] = present[0]
        elif present and place[pair[0]][0] is place[pair[1]][0]:
            comparable.append(pair)
        elif present:
            who = f"{pair[0][1]} and {pair[1][1]}"
            reason = why_apart(pair, cells, outcomes)
            sentence = f"{name.task}: the results of {who} cannot be compared: {reason}; run one again with --force"
            task.problems.append(Problem(pair=pair, sentence=sentence))
    for group in groups:
        members = {entry: columns for entry, (at, columns) in place.items() if at is group}
        if not members:
            continue
        table = get_metric(group.key.metric).contributions(group.data)
        if table is not None:
            task.panels.append(Panel(key=group.key, task_type=group.task_type, table=table, columns=members))
        asked = {entry: columns for entry, columns in members.items() if entry in entries}
        here = [pair for pair in comparable if pair[0] in members]
        if asked:
            _estimate(group, table, asked, cells, here, task, rng_seed=rng_seed, resamples=resamples)
    return task


def place_entries(
    name: TaskPart, cells: Cells, outcomes: pd.DataFrame
) -> tuple[list[AskedAlike], dict[Name, tuple[AskedAlike, SeedColumns]], list[Problem]]:
    """Return the groups of a task, and in which of them each entry in `cells` stands: in that of its newest result.

    Seeds whose results are in another group are left out, and said among the problems.
    """
    groups = _groups(name, cells, outcomes)
    home = {number: group for group in groups for number in group.data.column}
    place: dict[Name, tuple[AskedAlike, SeedColumns]] = {}
    problems = []
    for entry, seeds in cells.items():
        group = home[_newest(seeds)["result"]]
        columns = {s: group.data.column[r["result"]] for s, r in seeds.items() if home[r["result"]] is group}
        if len(columns) < len(seeds):
            why = _which_differ(list(seeds.values()))
            what = f"{name.task}: the results of the seeds of {entry[1]} cannot be compared"
            problems.append(Problem(entry=entry, sentence=f"{what}{why}; run them again with --force"))
        place[entry] = (group, columns)
    return groups, place, problems


def _groups(name: TaskPart, cells: Cells, outcomes: pd.DataFrame) -> list[AskedAlike]:
    rows = {row["result"]: row for seeds in cells.values() for row in seeds.values()}
    same: dict[tuple[str, ...], list[int]] = {}
    for number, row in rows.items():
        same.setdefault(tuple(str(row[column]) for column in _SAME), []).append(number)
    groups = []
    for (revision, metric, _), numbers in same.items():
        key = TaskKey(**name._asdict(), revision=revision, metric=metric)
        for data in align(outcomes[outcomes["result"].isin(numbers)], metric=metric):
            groups.append(AskedAlike(data=data, key=key, task_type=rows[numbers[0]]["task_type"]))
    return groups


def _newest(seeds: Mapping[int | None, Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(seeds.values(), key=lambda row: int(row["result"]))


def _which_differ(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return which revision, metric or version of the evaluation differs, with its values; may be empty."""
    for column, words in _SAME.items():
        values = sorted({str(row[column]) for row in rows})
        if len(values) > 1:
            return f": another {words} ({', '.join(values)})"
    return ""


def why_apart(pair: NamePair, cells: Cells, outcomes: pd.DataFrame) -> str:
    """Return the reason why the results of a pair are not in one group."""
    first, second = (_newest(cells[entry]) for entry in pair)
    reason = _which_differ([first, second]).removeprefix(": ")
    return reason or explain_difference(*(outcomes[outcomes["result"] == row["result"]] for row in (first, second)))


def _estimate(
    group: AskedAlike,
    table: Contributions | None,
    members: Mapping[Name, SeedColumns],
    cells: Cells,
    pairs: Sequence[NamePair],
    task: OneTask,
    *,
    rng_seed: Sequence[int],
    resamples: int,
) -> None:
    """Add the scores and comparisons of one group to `task`."""
    data, metric = group.data, get_metric(group.key.metric)
    sides = [(members[a], members[b]) for a, b in pairs]
    scores, differences = estimate_task(
        data, table, metric=metric, entries=list(members.values()), pairs=sides,
        rng=np.random.default_rng(rng_seed), resamples=resamples,
    )  # fmt: skip
    for (entry, columns), found in zip(members.items(), scores, strict=True):
        by_seed = _stored(cells, entry, columns)
        task.scores[entry] = TaskScore(
            key=group.key,
            task_type=group.task_type,
            score=float(np.mean(list(by_seed.values()))),  # as stored, to the last digit shown
            interval=found.interval,
            spread=found.spread,
            seeds=tuple(columns),
            seed_scores=tuple(by_seed.values()),
            seed_sd=_sd(list(by_seed.values())),
            n_examples=data.n_examples,
            n_units=data.n_units,
            n_trials=data.n_trials,
        )
    for pair, (of_first, of_second), found in zip(pairs, sides, differences, strict=True):
        first, second = _stored(cells, pair[0], of_first), _stored(cells, pair[1], of_second)
        contrast = make_contrast(of_first, of_second, columns=data.answer_nk.shape[1])
        crossed = crossed_effect(table, contrast) if table is not None and contrast.seeds_vary else None
        seeded = len(first) > 1 and len(second) > 1
        task.comparisons[pair] = TaskComparison(
            key=group.key,
            task_type=group.task_type,
            n_examples=data.n_examples,
            n_units=data.n_units,
            n_seeds=contrast.n_seeds,
            n_draws=1 if table is None else table.n_draws,
            seeds=tuple(first),
            seeds_against=tuple(second),
            score=float(np.mean(list(first.values()))),
            score_against=float(np.mean(list(second.values()))),
            difference=found.value,
            interval=found.interval,
            spread=found.spread,
            seed_sd=_sd_of_difference(first, second),
            p=found.p,
            mde=found.mde,
            method=found.method,
            over="seeds" if claimed(contrast).seeds_vary else "checkpoints",
            estimate=found.estimate,
            crossed=crossed,
            welch=welch_test(list(first.values()), list(second.values())) if seeded else None,
            mcnemar=metric.mcnemar and metric.mcnemar(data, tuple(of_first.values()), tuple(of_second.values())),
            verdict="undecided" if metric.tested else "descriptive",
            by_seed=_paired(first, second),
            outlying=tuple((n[1], s) for n, side in zip(pair, (first, second), strict=True) for s in outlying(side)),
        )


def _stored(cells: Cells, entry: Name, columns: SeedColumns) -> dict[int | None, float]:
    return {seed: float(cells[entry][seed]["score"]) for seed in columns}


def _paired(first: Mapping[int | None, float], second: Mapping[int | None, float]) -> tuple[float, ...]:
    """Return the difference of each seed, () if the two have others; a side without randomness has every seed."""
    if set(first) == {None}:
        first = dict.fromkeys(second, first[None])
    elif set(second) == {None}:
        second = dict.fromkeys(first, second[None])
    return tuple(score - second[seed] for seed, score in first.items()) if set(first) == set(second) else ()


def _sd_of_difference(first: Mapping[int | None, float], second: Mapping[int | None, float]) -> float | None:
    """Return the standard deviation of a difference over seeds."""
    if differences := _paired(first, second):
        return _sd(differences)
    a, b = (_sd(list(side.values())) for side in (first, second))
    return None if a is None or b is None else float(np.hypot(a, b))


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
