"""From the store to comparisons: every task of every entry, every pair that was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries, find_entry
from harness.compare.one_task import Cells, Name, NamePair, OneTask, Problem, analyse_task
from harness.compare.results import Comparison, TaskName, TaskScore, Verdict
from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.stats import holm
from harness.store import Store

RESAMPLES = 10_000
Pair = tuple[Entry, Entry]
Progress = Callable[[int, int, str], None]  # done, total, what comes next


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything the page and the terminal say: `scores` by entry name and task, one Comparison a pair."""

    tasks: tuple[TaskName, ...]
    scores: Mapping[tuple[Name, TaskName], TaskScore]
    comparisons: tuple[Comparison, ...]
    problems: tuple[str, ...]


def compare(
    store: Store,
    *,
    base: str,
    variant: str,
    against: str,
    against_base: str | None = None,
    tasks: Iterable[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare `variant` with `against` (the baseline) on the tasks both have; difference = variant - against.

    Raises HarnessError for a name the store does not hold, no task in common, and for a task that the two
    were not asked alike: other revision, metric, version of the evaluation, examples or base revision.
    """
    scores = store.scores()
    entries = current_entries(store, scores=scores)
    first = find_entry(entries, base=base, variant=variant)
    second = find_entry(entries, base=against_base or base, variant=against)
    if first.name == second.name:
        raise HarnessError(f"{variant} would be compared with itself; name two variants")
    analysis = analyse(
        store,
        entries=[first, second],
        pairs=[(first, second)],
        scores=scores,
        tasks=tasks,
        strict=True,
        resamples=resamples,
        seed=seed,
    )
    comparison = analysis.comparisons[0]
    if not comparison.tasks:
        raise HarnessError(f"{variant} and {against} have no task in common; run both on the same suite")
    return comparison


def analyse(
    store: Store,
    *,
    entries: Sequence[Entry],
    pairs: Sequence[Pair],
    scores: pd.DataFrame | None = None,
    tasks: Iterable[str] | None = None,
    strict: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    alpha: float | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Estimate all `entries` and `pairs` (variant, against), a task at a time: memory holds one task only.

    What cannot be compared raises HarnessError if `strict`; else its sentence is kept in `problems`. The
    random numbers depend on `seed` and the task alone: a pair's result is the same whatever else is analysed.
    """
    place = {s.system_id: (entry.name, s.seed) for entry in entries for s in entry.systems}
    rows = store.scores() if scores is None else scores
    rows = rows[rows["system_id"].isin(place)]
    if tasks is not None:
        rows = rows[rows["task"].isin(set(tasks))]
    problems = [problem for pair in pairs for problem in _other_base_revision(pair)]
    barred = {problem.pair for problem in problems}
    wanted = [(a.name, b.name) for a, b in pairs if (a.name, b.name) not in barred]
    found: dict[TaskName, OneTask] = {}
    groups = [((str(n[0]), str(n[1]), str(n[2])), g) for n, g in rows.groupby(["task", "split", "subset"])]
    for i, (name, group) in enumerate(groups):
        _refuse(problems, strict=strict)
        if progress is not None:
            progress(i, len(groups), name[0])
        found[name] = analyse_task(
            name,
            _cells(group, place),
            store.outcomes(results=group["result"]),
            pairs=wanted,
            rng_seed=[seed, zlib.crc32("\0".join(name).encode())],
            resamples=resamples,
        )
        problems += found[name].problems
    _refuse(problems, strict=strict)
    if progress is not None:
        progress(len(groups), len(groups), "")
    level = declared_contrasts().alpha if alpha is None else alpha
    return Analysis(
        tasks=tuple(found),
        scores={(entry, name): score for name, task in found.items() for entry, score in task.scores.items()},
        comparisons=tuple(_family(pair, found, problems, alpha=level) for pair in pairs),
        problems=tuple(dict.fromkeys(problem.sentence for problem in problems)),
    )


def _refuse(problems: Sequence[Problem], *, strict: bool) -> None:
    if strict and problems:
        raise HarnessError(problems[0].sentence)


def _other_base_revision(pair: Pair) -> list[Problem]:
    first, second = pair
    a, b = first.systems[0].base_revision, second.systems[0].base_revision
    if first.base != second.base or a == b:
        return []
    who = f"{first.variant} and {second.variant}"
    sentence = f"{who} come from two revisions of {first.base} ({a[:12]}, {b[:12]}); run one of them again"
    return [Problem(pair=(first.name, second.name), sentence=sentence)]


def _cells(group: pd.DataFrame, place: Mapping[str, tuple[Name, int | None]]) -> Cells:
    cells: dict[Name, dict[int | None, dict[str, object]]] = {}
    for row in group.sort_values("result").to_dict("records"):
        entry, training_seed = place[row["system_id"]]
        cells.setdefault(entry, {})[training_seed] = {str(column): value for column, value in row.items()}
    return cells


def _family(pair: Pair, found: Mapping[TaskName, OneTask], problems: Sequence[Problem], *, alpha: float) -> Comparison:
    """Adjust p over the tasks of one pair and decide each task.

    There are two families, for they are two questions: what the encoder gained, and what the language model lost.
    """
    names: NamePair = (pair[0].name, pair[1].name)
    tasks = [task.comparisons[names] for task in found.values() if names in task.comparisons]
    adjusted: list[float | None] = [None] * len(tasks)
    for question in (False, True):
        members = [i for i, task in enumerate(tasks) if task.is_retention == question]
        for i, p in zip(members, holm([tasks[i].p for i in members]), strict=True):
            adjusted[i] = p
    decided = []
    for task, p in zip(tasks, adjusted, strict=True):
        verdict: Verdict = task.verdict
        if p is not None and p < alpha:
            verdict = "better" if get_metric(task.key.metric).improves(task.difference) else "worse"
        decided.append(replace(task, p_holm=p, verdict=verdict))
    return Comparison(
        variant=pair[0],
        against=pair[1],
        alpha=alpha,
        tasks=tuple(decided),
        missing=tuple(name for name, task in found.items() if names in task.missing),
        problems=tuple(problem.sentence for problem in problems if problem.pair == names),
    )
