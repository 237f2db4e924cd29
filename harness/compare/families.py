"""The declared families: every hypothesis of a base at once, adjusted by max-T, with Holm beside it.

A family is tested on t statistics of unit contributions (`harness.stats.joint`), which cost no resampling a pair.
So it can hold every pair of variants, and a pair's adjusted p does not depend on what a reader asks to see.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from typing import TypeVar

import numpy as np

from harness.compare.contrasts import Contrasts
from harness.compare.estimates import claimed
from harness.compare.one_task import Name, NamePair, Panel
from harness.compare.results import Family, JudgedDifference, TaskComparison, Verdict
from harness.metrics import Metric, get_metric
from harness.outcomes import TaskKey, TaskPart
from harness.stats.contrast import Contrast, make_contrast
from harness.stats.contributions import Contributions
from harness.stats.effects import crossed_effect
from harness.stats.equivalence import equivalence_test
from harness.stats.estimate import Estimate
from harness.stats.families import benjamini_hochberg, holm
from harness.stats.joint import JointTask, joint_statistics
from harness.stats.maxt import max_t_families
from harness.suites.retention import TASK_TYPE as RETENTION

J = TypeVar("J", bound=JudgedDifference)
_Columns = tuple[tuple[int | None, int], ...]  # seeds with their columns


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a family says of one pair on one task; `estimate` is the t test behind it, first minus second."""

    family: Family
    estimate: Estimate
    p_adjusted: float | None
    p_holm: float | None
    p_equivalent: float | None
    margin: float | None
    floor: float | None = None
    size: int = 0  # of the family, and over how many pairs and tasks
    n_pairs: int = 0
    n_tasks: int = 0

    @property
    def tie(self) -> bool:
        """Whether the difference lies within what two identical runs differ by."""
        return self.floor is not None and abs(self.estimate.value) <= self.floor

    def equivalent(self, alpha: float) -> bool:
        """Whether the difference is shown to lie within the margin."""
        return self.p_equivalent is not None and self.p_equivalent <= alpha

    def verdict(self, difference: float, p: float | None, *, metric: Metric, alpha: float) -> Verdict:
        """Return what may be said of `difference` (first minus second) with its adjusted `p`: the one rule.

        A difference that is shown is better or worse by the metric's direction, unless it lies within the noise floor.
        Otherwise it is equivalent if it is shown to lie within the margin, and undecided if not.
        """
        if established(difference, p, alpha=alpha) and not self.tie:
            return "better" if metric.improves(difference) else "worse"
        return "equivalent" if self.equivalent(alpha) else "undecided"

    def reversed(self) -> Decision:
        """Return the same decision about second minus first."""
        return replace(self, estimate=self.estimate.reversed())


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The decisions of one base by pair and task; `declared` holds those of the first family, `pairs` all pairs."""

    declared: Mapping[tuple[NamePair, TaskPart], Decision]
    pairs: Mapping[tuple[NamePair, TaskPart], Decision]

    def of(self, pair: NamePair, task: TaskPart) -> Decision | None:
        """Return what was decided: by the first family if the pair was declared, else by that of all pairs."""
        return _either(self.declared, pair, task) or self.among_all(pair, task)

    def among_all(self, pair: NamePair, task: TaskPart) -> Decision | None:
        """Return what the family of all pairs says, whichever way round the pair is named."""
        return _either(self.pairs, pair, task)


def _either(decisions: Mapping[tuple[NamePair, TaskPart], Decision], pair: NamePair, task: TaskPart) -> Decision | None:
    back = decisions.get(((pair[1], pair[0]), task))
    return decisions.get((pair, task)) or (back.reversed() if back is not None else None)


@dataclass(frozen=True, kw_only=True)
class _Hypothesis:
    pair: NamePair
    panel: Panel
    contrast: Contrast
    estimate: Estimate


def decide_families(
    panels: Sequence[Panel],
    variants: Sequence[Name],
    *,
    contrasts: Contrasts,
    numbers: Mapping[tuple[Name, int | None], int],
    floors: Mapping[TaskKey, float],
    seed: int,
    resamples: int,
) -> Decisions:
    """Test all pairs of `variants` (of one base and revision, references after them) on all `panels`.

    What the encoder gained and what the language model lost are two questions, with families of their own.
    `floors` are the noise floors of tasks. `numbers` gives every system a column that is the same in all tasks:
    seeds are shared over tasks.
    """
    found: tuple[dict[tuple[NamePair, TaskPart], Decision], ...] = ({}, {})
    declared = {((base, c.variant), (base, c.against)) for base, _ in variants if base for c in contrasts.declared}
    pairs = [(b, a) if (b, a) in declared else (a, b) for a, b in combinations(variants, 2)]

    @cache
    def contrast_of(first: _Columns, second: _Columns) -> Contrast:
        """One for all tasks on the same seeds: those of many systems take much memory."""
        return claimed(make_contrast(dict(first), dict(second), columns=len(numbers)))

    for question in (False, True):
        asked = [panel for panel in panels if (panel.task_type == RETENTION) == question]
        by_panel = [_hypotheses(panel, pairs, numbers, contrast_of) for panel in asked]
        tested = [h for of_panel in by_panel for h in of_panel]
        if not tested:
            continue
        joint = joint_statistics(
            [
                JointTask(table=of_panel[0].panel.table, contrasts=tuple(h.contrast for h in of_panel))
                for of_panel in by_panel
                if of_panel
            ],
            rng=np.random.default_rng([seed, zlib.crc32(variants[0][0].encode()), int(question)]),
            resamples=resamples,
        )
        first = [i for i, h in enumerate(tested) if h.pair in declared]
        families: tuple[tuple[Family, list[int]], ...] = (("declared", first), ("all pairs", list(range(len(tested)))))
        every = max_t_families(joint, [members for _, members in families])
        for place, (family, members), adjusted in zip(found, families, every, strict=True):
            if members:
                chosen = [tested[i] for i in members]
                keys, estimates = [h.panel.key for h in chosen], [h.estimate for h in chosen]
                n_pairs = len({h.pair for h, p in zip(chosen, adjusted, strict=True) if p is not None})
                here = [floors.get(key) for key in keys]
                decided = decide(family, keys, estimates, adjusted, contrasts=contrasts, floors=here, n_pairs=n_pairs)
                place |= {(h.pair, h.panel.key.part): d for h, d in zip(chosen, decided, strict=True)}
    return Decisions(declared=found[0], pairs=found[1])


def _hypotheses(
    panel: Panel,
    pairs: Sequence[NamePair],
    numbers: Mapping[tuple[Name, int | None], int],
    contrast_of: Callable[[_Columns, _Columns], Contrast],
) -> list[_Hypothesis]:
    wide = replace(panel, table=_spread(panel, numbers))
    made = []
    for pair in pairs:
        if all(name in panel.columns for name in pair):
            first, second = (tuple((seed, numbers[name, seed]) for seed in panel.columns[name]) for name in pair)
            contrast = contrast_of(first, second)
            estimate = crossed_effect(wide.table, contrast)
            made.append(_Hypothesis(pair=pair, panel=wide, contrast=contrast, estimate=estimate))
    return made


def _spread(panel: Panel, numbers: Mapping[tuple[Name, int | None], int]) -> Contributions:
    """Return the panel's table with its columns at their numbers, 0 where a system is not in it."""
    table = panel.table
    value = np.zeros((len(numbers), table.n_draws))
    part = np.zeros((table.n_units, len(numbers), table.n_draws))
    apart = np.zeros(len(numbers))
    for name, columns in panel.columns.items():
        for seed, column in columns.items():
            place = numbers.get((name, seed))
            if place is not None:  # else of another base, or a baseline: no member of these families
                value[place] = table.value_kd[column]
                part[:, place] = table.part_ukd[:, column]
                apart[place] = table.apart_k[column]
    return replace(table, value_kd=value, part_ukd=part, apart_k=apart)


def decide(
    family: Family,
    keys: Sequence[TaskKey],
    estimates: Sequence[Estimate],
    adjusted: Sequence[float | None],
    *,
    contrasts: Contrasts,
    floors: Sequence[float | None],
    n_pairs: int = 1,
) -> list[Decision]:
    """Return what a family says of each estimate, whose adjusted p values and noise floors are given.

    Equivalence is adjusted by Holm in a family of its own: no true difference can make both kinds of error.
    """
    margins = [contrasts.margin(key) for key in keys]
    within = holm(
        [None if m is None else equivalence_test(e, margin=m) for e, m in zip(estimates, margins, strict=True)]
    )
    checks = holm([estimate.p for estimate in estimates])
    tested = [key for key, p in zip(keys, adjusted, strict=True) if p is not None]
    n_tasks = len(set(tested))
    return [
        Decision(
            family=family, estimate=estimate, p_adjusted=larger(p, estimate.p), p_holm=check,
            p_equivalent=p_equivalent, margin=margin, size=len(tested), n_pairs=n_pairs, n_tasks=n_tasks,
            floor=floor,
        )
        for estimate, p, check, p_equivalent, margin, floor in zip(
            estimates, adjusted, checks, within, margins, floors, strict=True
        )
    ]  # fmt: skip


def explore(
    tasks: Sequence[TaskComparison], *, contrasts: Contrasts, floors: Mapping[TaskKey, float]
) -> list[TaskComparison]:
    """Adjust a comparison that no family holds, by question: false discovery rate over its own tasks."""
    done = list(tasks)
    for question in (False, True):
        members = [i for i, t in enumerate(tasks) if t.is_retention == question and t.estimate is not None]
        estimates = [e for i in members if (e := tasks[i].estimate) is not None]
        keys = [tasks[i].key for i in members]
        adjusted = benjamini_hochberg([e.p for e in estimates])
        here = [floors.get(key) for key in keys]
        decisions = decide("exploratory", keys, estimates, adjusted, contrasts=contrasts, floors=here)
        for i, decision in zip(members, decisions, strict=True):
            done[i] = judge(tasks[i], decision, alpha=contrasts.alpha)
    return done


def judge(task: J, decision: Decision, *, alpha: float) -> J:
    """Return `task` with its verdict (`Decision.verdict`) and with all that the verdict rests on."""
    p = larger(decision.p_adjusted, task.p)
    verdict = decision.verdict(task.difference, p, metric=get_metric(task.key.metric), alpha=alpha)
    return replace(
        task,
        family=decision.family,
        family_size=decision.size,
        family_pairs=decision.n_pairs,
        family_tasks=decision.n_tasks,
        p_adjusted=p,
        p_holm=decision.p_holm,
        p_equivalent=decision.p_equivalent,
        margin=decision.margin,
        floor=decision.floor,
        negligible=decision.equivalent(alpha) and verdict in ("better", "worse"),
        tie=decision.tie and established(task.difference, p, alpha=alpha),
        verdict=verdict,
    )


def judge_again(task: TaskComparison, *, alpha: float) -> TaskComparison:
    """Return a task that was judged with the verdict that its p values have at another `alpha`."""
    if task.estimate is None:
        return task
    same = Decision(
        family=task.family, estimate=task.estimate, p_adjusted=task.p_adjusted, p_holm=task.p_holm,
        p_equivalent=task.p_equivalent, margin=task.margin, floor=task.floor, size=task.family_size,
        n_pairs=task.family_pairs, n_tasks=task.family_tasks,
    )  # fmt: skip
    return judge(task, same, alpha=alpha)


def larger(p_family: float | None, p_own: float | None) -> float | None:
    """Return the p value that a claim rests on: nothing is shown without a test of its own beside the family's."""
    return None if p_family is None or p_own is None else max(p_family, p_own)


def established(difference: float, p: float | None, *, alpha: float) -> bool:
    """Whether a difference of any size is shown: its adjusted p is at most `alpha`."""
    return p is not None and p <= alpha and difference != 0
