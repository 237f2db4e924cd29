"""Ranks from the simultaneous tests of all pairs: sets of ranks, letters, and why some have none.

Sets and letters are made here, once, for all variants of a base: a reader who hides rows does not move them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from harness.compare.analysis import Analysis, analyse
from harness.compare.conditions import check_measured, conditions_of, mixed
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries, find_base
from harness.compare.estimates import claimed
from harness.compare.families import larger
from harness.compare.one_task import Name, NamePair, Panel
from harness.compare.overall import counts_across
from harness.compare.wording import few_tasks
from harness.errors import HarnessError, near_names
from harness.metrics import Metric, get_metric
from harness.outcomes import TaskPart
from harness.stats.across import LEAST_TASKS
from harness.stats.contrast import make_contrast
from harness.stats.contributions import task_contributions
from harness.stats.effects import crossed_effect
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.letters import compact_letters
from harness.stats.maxt import max_t_families
from harness.stats.ranks import RankSet, rank_sets
from harness.store import Store
from harness.suites.task import data_of


@dataclass(frozen=True, kw_only=True)
class Place:
    """A variant's score, the ranks that are compatible with the data, and its letters."""

    variant: str
    score: float
    ranks: RankSet
    letters: str


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The ranked variants, best score first. `task` is None for the mean over the tasks."""

    task: TaskPart | None
    metric: str | None
    places: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """All rankings of one base on some tasks; `unranked` says why a variant has no rank, `references` who is none.

    Ranks of tasks come from the family of all pairs × tasks, ranks of the mean (`overall`) from all pairs on the
    mean over the tested tasks, the task being the random effect; `few` says where those are too few. `conditions` says
    where dtype or device differ.
    """

    base: str
    alpha: float
    tasks: tuple[Ranking, ...]
    overall: Ranking | None
    unranked: Mapping[str, str]
    n_tasks: int
    references: tuple[str, ...] = ()
    conditions: str = ""
    few: str = ""


def rank(
    store: Store,
    *,
    base: str,
    suite: str | None = None,
    tasks: Collection[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
    resamples: int = 10_000,
) -> Ranks:
    """Rank the variants of `base`, and references, on its stored tasks: of `suite`, or `tasks` (None: all).

    `dtype` and `device` choose among results that were measured in several. The choice of tasks
    decides which rankings are made and what counts as a missing cell, not the family that is tested.
    Raises HarnessError for a base or a task without results.
    """
    check_measured(store, dtype=dtype, device=device)
    scores = store.scores(dtype=dtype, device=device)
    every = [entry for entry in current_entries(store, scores=scores) if not entry.read_otherwise]
    references = [entry for entry in every if entry.is_reference]
    known = {entry.base for entry in every if entry.base}
    base = find_base(every, base) if known or not references else ""  # a store of references alone
    entries = [entry for entry in every if entry.base == base and not entry.is_reference]
    if not entries and not (references and not known):
        hint = near_names(base, known) if known else "it is empty; `harness run --variant bidir-supcon` fills it"
        raise HarnessError(f"the database has no results on base {base!r}: {hint}")
    own = {system.system_id for entry in entries or references for system in entry.systems}
    entries += references
    analysis = analyse(store, entries=[], family=entries, pairs=[], scores=scores, resamples=resamples)
    return make_ranks(
        analysis,
        entries,
        scores,
        unproven=unproven(store, entries, scores),
        chosen=chosen_tasks(scores[scores["system_id"].isin(own)], suite=suite, tasks=tasks),
        resamples=resamples,
    )


def chosen_tasks(
    scores: pd.DataFrame, *, suite: str | None = None, tasks: Collection[str] | None = None
) -> list[TaskPart]:
    """Return the tasks of `scores` that were named, or measured as part of `suite`."""
    rows = scores
    for column, wanted in (("suite", {suite} if suite is not None else None), ("task", tasks)):
        if wanted is not None:
            unknown = sorted(set(wanted) - set(rows[column]))
            if unknown:
                known = sorted(set(rows[column]))
                raise HarnessError(
                    f"the database has no results of the {column} {unknown[0]!r}: {near_names(unknown[0], known)}"
                )
            rows = rows[rows[column].isin(set(wanted))]
    return sorted({TaskPart.of(row) for row in rows.to_dict("records")})


def unproven(store: Store, entries: Sequence[Entry], scores: pd.DataFrame) -> set[Name]:
    """Return the variants of which some result that counts comes from a run without a mask proof."""
    proven = {run.run_id: run.proven for run in store.runs()}
    runs = scores.groupby("system_id")["run_id"].unique().to_dict()
    return {
        entry.name
        for entry in entries
        if entry.kind == "variant" and not all(proven[run] for s in entry.systems for run in runs[s.system_id])
    }


def make_ranks(
    analysis: Analysis,
    entries: Sequence[Entry],
    scores: pd.DataFrame,
    *,
    unproven: Collection[Name],
    chosen: Sequence[TaskPart],
    resamples: int = 10_000,
) -> Ranks:
    """Rank `entries` of one base on the `chosen` tasks from the families in `analysis`."""
    variants = [entry for entry in entries if entry.kind == "variant" or entry.is_reference]
    base = next((entry.base for entry in variants if entry.base), "")
    alpha = declared_contrasts().alpha
    score = _scores(variants, scores)
    panels: dict[TaskPart, Panel] = {}  # of each task the one with the most systems whose results can be compared
    for panel in analysis.panels:
        part = panel.key.part
        if part in chosen and (part not in panels or len(panel.columns) > len(panels[part].columns)):
            panels[part] = panel
    unranked = {
        entry.variant: why for entry in variants if (why := _why_unranked(entry, panels, chosen, score, unproven))
    }
    ranked = [entry.name for entry in variants if entry.variant not in unranked]
    decisions = analysis.decisions.get(base)
    found = []
    for task, panel in panels.items():
        metric = get_metric(panel.key.metric)

        def beats(a: Name, b: Name, task: TaskPart = task, metric: Metric = metric) -> bool:
            found = decisions.among_all((a, b), task) if decisions else None
            if found is None:
                return False
            return found.verdict(found.estimate.value, found.p_adjusted, metric=metric, alpha=alpha) == "better"

        values = {name: score[name, task] for name in ranked}
        places = _places(values, beats, lower=metric.better == "lower")
        found.append(Ranking(task=task, metric=panel.key.metric, places=places))
    entry_of = {system.system_id: entry.name for entry in variants for system in entry.systems}
    means = [panel for panel in panels.values() if counts_across(panel)]
    n_units = len({data_of(panel.key.task) for panel in means})
    return Ranks(
        base=base,
        alpha=alpha,
        tasks=tuple(found),
        overall=_overall(ranked, means, score, alpha=alpha, resamples=resamples) if ranked else None,
        unranked=unranked,
        n_tasks=len(means),
        references=tuple(entry.variant for entry in variants if entry.is_reference),
        few=few_tasks(n_units) if ranked and 0 < n_units < LEAST_TASKS else "",
        conditions=mixed(ranked, conditions_of(scores, entry_of)),
    )


def _scores(variants: Sequence[Entry], scores: pd.DataFrame) -> dict[tuple[Name, TaskPart], float]:
    place = {s.system_id: entry.name for entry in variants for s in entry.systems}
    rows = scores[scores["system_id"].isin(place)]
    found: dict[tuple[Name, TaskPart], list[float]] = {}
    for system, task, split, subset, score in rows[["system_id", "task", "split", "subset", "score"]].values.tolist():
        found.setdefault((place[system], TaskPart(task, split, subset)), []).append(float(score))
    return {key: float(np.mean(values)) for key, values in found.items()}


def _why_unranked(
    entry: Entry,
    panels: Mapping[TaskPart, Panel],
    chosen: Sequence[TaskPart],
    score: Mapping[tuple[Name, TaskPart], float],
    unproven: Collection[Name],
) -> str:
    if entry.name in unproven:
        return "no mask proof: its attention has not been checked against the card"
    missing = [task for task in chosen if (entry.name, task) not in score]
    if missing:
        return f"{len(missing)} of {len(chosen)} tasks not measured, {missing[0].task} among them"
    apart = [task for task, panel in panels.items() if entry.name not in panel.columns]
    if apart:
        return f"its results on {apart[0][0]} cannot be compared with the others; run it again with --force"
    short = [task for task, panel in panels.items() if len(panel.columns[entry.name]) < len(entry.systems)]
    return f"not every seed was measured on {short[0][0]}" if short else ""


def _places(values: Mapping[Name, float], beats: Callable[[Name, Name], bool], *, lower: bool) -> tuple[Place, ...]:
    """Sort variants by score; `beats` says whether the first was shown to be better than the second."""
    names = list(values)
    if not names:
        return ()
    table = np.array([[a != b and beats(a, b) for b in names] for a in names], dtype=bool)
    order = sorted(range(len(names)), key=lambda i: values[names[i]] if lower else -values[names[i]])
    letters = compact_letters(table, order=order)
    sets = rank_sets(table)
    return tuple(Place(variant=names[i][1], score=values[names[i]], ranks=sets[i], letters=letters[i]) for i in order)


def _overall(
    ranked: Sequence[Name],
    panels: Sequence[Panel],
    score: Mapping[tuple[Name, TaskPart], float],
    *,
    alpha: float,
    resamples: int,
) -> Ranking | None:
    """Rank by the mean over the tested tasks: all pairs at once by max-T, a task being the unit."""
    if not panels:
        return None
    columns = {name: list(panels[0].columns[name]) for name in ranked}
    place = {(name, s): i for i, (name, s) in enumerate((name, s) for name in ranked for s in columns[name])}
    values = np.array([[float(p.table.value_kd[p.columns[name][s]].mean()) for name, s in place] for p in panels])
    pairs = list(combinations(ranked, 2))
    sides = {name: {s: place[name, s] for s in columns[name]} for name in ranked}
    contrasts = [claimed(make_contrast(sides[a], sides[b], columns=len(place))) for a, b in pairs]
    shown: set[NamePair] = set()
    table = task_contributions(values, units=[data_of(panel.key.task) for panel in panels])
    if pairs and table.n_units >= LEAST_TASKS:
        joint = joint_statistics(
            [JointTask(table=table, contrasts=tuple(contrasts))],
            rng=np.random.default_rng([0, zlib.crc32(b"mean over tasks")]),
            resamples=resamples,
        )
        [adjusted] = max_t_families(joint, [range(len(pairs))])
        for (a, b), contrast, p, t in zip(pairs, contrasts, adjusted, joint.observed, strict=True):
            p = larger(p, crossed_effect(table, contrast).p)
            if p is not None and p <= alpha:
                shown.add((a, b) if t > 0 else (b, a))
    means = {name: float(np.mean([score[name, p.key.part] for p in panels])) for name in ranked}
    return Ranking(task=None, metric=None, places=_places(means, lambda a, b: (a, b) in shown, lower=False))
