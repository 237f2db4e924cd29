"""What each step does on each level of an axis of bases, and whether it does more on one level than on the first.

An interaction is a linear contrast of four systems or more: (variant minus against) on one level, less the same on the
first. All bases read the same examples, so it is paired by example. All interactions on all tasks are one family.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pandas as pd

from harness.compare.analysis import AnalysisProgress, cells_by_entry, noise_floors
from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.facts import facts_of, losses, sizes
from harness.compare.axis.means import means_over_tasks
from harness.compare.axis.results import AxisAnalysis, Interaction, StepEffect
from harness.compare.axis.sums import Claim, LevelSum, claim_of, floor_of, sums_of
from harness.compare.axis.tasks import AxisTask, not_alike, not_measured, read_task
from harness.compare.axis.width import entries_at, require_measured
from harness.compare.conditions import conditions_of, mixed
from harness.compare.contrasts import Contrasts, VariantContrast, declared_contrasts, with_margins
from harness.compare.entries import Entry
from harness.compare.families import decide, judge
from harness.metrics import Aligned, Asked, get_metric
from harness.outcomes import TaskKey, TaskPart
from harness.stats.contrast import Contrast
from harness.stats.contributions import Contributions
from harness.stats.effects import crossed_effect
from harness.stats.estimate import Estimate, Interval
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t_families
from harness.store import Store
from harness.suites.retention import TASK_TYPE as RETENTION

RESAMPLES = 10_000


def analyse_axis(
    store: Store,
    axis: BaseAxis,
    *,
    entries: Sequence[Entry],
    scores: pd.DataFrame | None = None,
    width: int | None = None,
    tasks: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: AnalysisProgress | None = None,
) -> AxisAnalysis:
    """Estimate each declared step on each level of `axis`, and test all interactions as one family.

    The bases of `axis` are called as those of `entries` (`measured_axis`). The steps are those of the ladder and the
    headline. `tasks` selects what is shown and what means are made of; the family holds all tasks. The encoder's tasks
    and what the language model lost are two questions, with a family each.

    With a `width` the systems that were read at it (`causal@width=64`) stand for the plain ones, in families of their
    own. Raises HarnessError if there are none, or a base is narrower.
    """
    rows = store.scores() if scores is None else scores
    contrasts = with_margins(declared_contrasts(), rows)
    steps = contrasts.steps
    asked = list(dict.fromkeys(name for step in steps for name in (step.against, step.variant)))
    facts = facts_of(axis, entries, rows)
    if width is not None:
        require_measured(axis, width, entries=entries, facts=facts, asked=asked)
    members = [e for e in entries_at(entries, width) if e.base in axis.bases and e.variant in asked]
    members = [e for e in members if not e.is_reference]
    place = {s.system_id: (entry.name, s.seed) for entry in members for s in entry.systems}
    rows = rows[rows["system_id"].isin(place)]
    floors = noise_floors(store)
    of_base = {e.base: floors.get(e.systems[0].base_revision, {}) for e in members}
    sums = sums_of(axis)
    problems = [said for said in (sizes(axis, facts), losses(facts)) if said]
    effects: list[StepEffect] = []
    tested: list[Tested] = []
    read: list[AxisTask] = []
    found = [(TaskPart(*map(str, name)), group) for name, group in rows.groupby(["task", "split", "subset"])]
    for i, (name, group) in enumerate(found):
        if progress is not None:
            progress(i, len(found), name.task)
        cells, outcomes = cells_by_entry(group, place), store.outcomes(results=group["result"])
        task, groups, left_out = read_task(name, cells, outcomes)
        problems += left_out + not_alike(axis, steps, sums, task, cells, outcomes)
        read.append(task)
        for number, of in enumerate(groups):
            of_task = estimate_sums(axis, steps, sums, task, number, of.data, of_base, seed=seed, resamples=resamples)
            effects += of_task[0]
            tested += of_task[1]
    if progress is not None:
        progress(len(found), len(found), "")
    place_of = {step: number for number, step in enumerate(steps)}
    shown = [task for task in read if tasks is None or task.name.task in tasks]
    names = {task.name for task in shown}
    decided = decide_interactions(tested, contrasts=contrasts, seed=seed, resamples=resamples)
    problems += not_measured(axis, steps, read, width=width)
    conditions = conditions_of(rows, {system: name for system, (name, _) in place.items()})
    unlike = mixed({entry.name for entry in members}, conditions)
    return AxisAnalysis(
        axis=axis,
        width=width,
        facts=facts,
        steps=tuple(step for step in steps if any(e.step == step for e in effects)),
        effects=tuple(sorted((e for e in effects if e.key.part in names), key=lambda e: place_of[e.step])),
        interactions=tuple(sorted((i for i in decided if i.key.part in names), key=lambda i: place_of[i.step])),
        means=tuple(means_over_tasks(axis, steps, sums, shown, alpha=contrasts.alpha, seed=seed, resamples=resamples)),
        problems=tuple(dict.fromkeys([*problems, *filter(None, [unlike])])),
        alpha=contrasts.alpha,
        declaration=contrasts.sha256,
    )


@dataclass(frozen=True, kw_only=True)
class Tested:
    """An interaction that is not judged yet, with what its family needs."""

    interaction: Interaction
    table: Contributions | None
    contrast: Contrast


def estimate_sums(
    axis: BaseAxis,
    steps: Sequence[VariantContrast],
    sums: Sequence[LevelSum],
    task: AxisTask,
    number: int,
    data: Aligned,
    floors: Mapping[str, Mapping[TaskKey, float]],
    *,
    seed: int,
    resamples: int,
) -> tuple[list[StepEffect], list[Tested]]:
    """Estimate all sums that the table `number` of a task (made of `data`) holds, on the same resamples."""
    table = task.tables[number]
    wanted: list[tuple[VariantContrast, LevelSum, Mapping[str, tuple[str, ...]], Claim]] = []
    for step in steps:
        bases = {level.name: task.bases(step, level.bases) for level in axis.levels}
        for each in sums:
            of = [base for name, _ in each.weights for base in bases[name]]
            if all(bases[name] for name, _ in each.weights) and task.home(step, of) is table:
                columns = {(b, v): task.place[b, v][1] for b in of for v in (step.variant, step.against)}
                claim = claim_of(step, each, bases, columns, width=data.answer_nk.shape[1])
                wanted.append((step, each, bases, claim))
    if not wanted:
        return [], []
    metric = get_metric(table.key.metric)
    found = metric.estimate(
        Asked(
            data=data, contrasts=[claim.contrast for *_, claim in wanted], table=table.table, resamples=resamples,
            rng=np.random.default_rng([seed, zlib.crc32("\0".join(task.name).encode()), number]),
        )
    )  # fmt: skip
    effects: list[StepEffect] = []
    tested: list[Tested] = []
    for (step, each, of_level, claim), estimate in zip(wanted, found, strict=True):
        crossed = None
        if table.table is not None and claim.crossed is not None:
            crossed = _no_narrower(crossed_effect(table.table, claim.crossed), estimate.interval)
        if each.is_effect:
            effects.append(
                StepEffect(
                    step=step, level=each.level, bases=of_level[each.level], key=table.key, task_type=table.task_type,
                    n_examples=data.n_examples, n_units=data.n_units, value=estimate.value, interval=estimate.interval,
                    spread=estimate.spread, sampled=claim.sampled, crossed=crossed,
                )
            )  # fmt: skip
            continue
        made = Interaction(
            step=step, level=each.level, against=each.against, key=table.key, task_type=table.task_type,
            n_examples=data.n_examples, n_units=data.n_units, difference=estimate.value, interval=estimate.interval,
            spread=estimate.spread, p=estimate.p, mde=estimate.mde, method=estimate.method, estimate=estimate.estimate,
            crossed=crossed, sampled=claim.sampled, floor=floor_of(each, of_level, floors, table.key),
            verdict="undecided" if metric.tested else "descriptive",
        )  # fmt: skip
        tested.append(Tested(interaction=made, table=table.table, contrast=claim.contrast))
    return effects, tested


def _no_narrower(crossed: Estimate, examples: Interval | None) -> Estimate:
    """Return `crossed` with an interval that holds the one over examples: by chance two or three seeds lie close."""
    if crossed.interval is None or examples is None:
        return crossed
    low, high = min(crossed.interval.low, examples.low), max(crossed.interval.high, examples.high)
    return replace(crossed, interval=replace(crossed.interval, low=low, high=high))


def decide_interactions(
    tested: Sequence[Tested], *, contrasts: Contrasts, seed: int, resamples: int
) -> list[Interaction]:
    """Judge all interactions in their families: those of the encoder's tasks, those of the language model."""
    done = [each.interaction for each in tested]
    for question in (False, True):
        members = [
            i
            for i, found in enumerate(done)
            if (found.task_type == RETENTION) == question and found.estimate is not None
        ]
        jobs, estimates = [], []
        for _, of_table in groupby((tested[i] for i in members), key=lambda each: id(each.table)):
            here = list(of_table)
            table = here[0].table
            assert table is not None, "what has an estimate is split over units"
            jobs.append(JointTask(table=table, contrasts=tuple(each.contrast for each in here)))
            estimates += [crossed_effect(table, each.contrast) for each in here]
        if not members:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(b"interactions"), int(question)])
        [adjusted] = max_t_families(joint_statistics(jobs, rng=rng, resamples=resamples), [list(range(len(members)))])
        kinds = {(done[i].step, done[i].level) for i, p in zip(members, adjusted, strict=True) if p is not None}
        decisions = decide(
            "interactions", [done[i].key for i in members], estimates, adjusted, contrasts=contrasts,
            floors=[done[i].floor for i in members], n_pairs=len(kinds),
        )  # fmt: skip
        for i, decision in zip(members, decisions, strict=True):
            done[i] = judge(done[i], decision, alpha=contrasts.alpha)
    return done
