"""From the store to comparisons: every task of every entry, every pair that was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare.basis import Basis
from harness.compare.conditions import Pair, check_measured, conditions_of, in_one, pair_scores, unlike
from harness.compare.contrasts import Contrasts, declared_contrasts, with_margins
from harness.compare.entries import Entry, find_base
from harness.compare.families import Decisions, decide_families, explore, judge
from harness.compare.one_task import Cells, Name, NamePair, OneTask, Panel, Problem, analyse_task
from harness.compare.overall import better_on, mean_over_tasks
from harness.compare.results import Comparison, Family, TaskScore
from harness.errors import HarnessError
from harness.outcomes import TaskKey, TaskPart
from harness.store import Store

RESAMPLES = 10_000
AnalysisProgress = Callable[[int, int, str], None]  # done, total, what comes next


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything the page and the terminal say: `scores` by entry name and task, one Comparison a pair.

    `decisions` hold the families by base, `panels` what they were tested on: the material of ranks. `basis` lets it
    stand in for another analysis of the same results.
    """

    tasks: tuple[TaskPart, ...]
    scores: Mapping[tuple[Name, TaskPart], TaskScore]
    comparisons: tuple[Comparison, ...]
    problems: tuple[str, ...]
    decisions: Mapping[str, Decisions]
    panels: tuple[Panel, ...]
    basis: Basis


def compare(
    store: Store,
    *,
    base: str,
    variant: str,
    against: str,
    against_base: str | None = None,
    tasks: Iterable[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare `variant` with `against` (the baseline) on the tasks both have; difference = variant - against.

    P values are adjusted over the family to which the pair belongs, with every variant of the base in the store;
    `tasks` narrows what is estimated and shown, never the family. `dtype` and `device` choose among results that were
    measured in several (None: as harness.compare.conditions.pair_scores). Raises HarnessError for a name the store does
    not hold, no task in common, and for a task that the two were not asked alike: other revision, metric, version
    of the evaluation, examples or base revision.
    """
    check_measured(store, dtype=dtype, device=device)
    [comparison] = compare_each(
        store, base=base, variants=[variant], against=against, against_base=against_base, tasks=tasks, dtype=dtype,
        device=device, resamples=resamples, seed=seed,
    )  # fmt: skip
    return comparison


def compare_each(
    store: Store,
    *,
    base: str,
    variants: Sequence[str],
    against: str,
    against_base: str | None = None,
    tasks: Iterable[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    known: Analysis | None = None,
) -> list[Comparison]:
    """Compare each of `variants` with `against` as `compare` does, reading the store once; `known` as for `analyse`."""
    if not variants:
        return []
    scores, entries, pairs = pair_scores(
        store, base=base, variants=variants, against=against, against_base=against_base, dtype=dtype, device=device
    )
    for first, second in pairs:
        if first.name == second.name:
            raise HarnessError(f"{first.variant} cannot be compared with itself; name two variants")
    base = find_base(entries, base)
    analysis = analyse(
        store,
        entries=[*(first for first, _ in pairs), pairs[0][1]],
        pairs=pairs,
        family=[e for e in entries if (e.base == base and not e.read_otherwise) or e.is_reference],
        scores=scores,
        tasks=tasks,
        strict=True,
        resamples=resamples,
        seed=seed,
        known=known,
    )
    for comparison in analysis.comparisons:
        if not comparison.tasks:
            raise HarnessError(
                f"{comparison.variant.variant} and {against} have no task in common; run both on the same suite"
            )
    return list(analysis.comparisons)


def analyse(
    store: Store,
    *,
    entries: Sequence[Entry],
    pairs: Sequence[Pair],
    family: Sequence[Entry] | None = None,
    scores: pd.DataFrame | None = None,
    tasks: Iterable[str] | None = None,
    strict: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: AnalysisProgress | None = None,
    known: Analysis | None = None,
) -> Analysis:
    """Estimate all `entries` and `pairs` (variant, against), then decide them in their families.

    The families hold all variants among `family` (None: `entries`) on each base, and all references with them, on all
    tasks of the store, so that a verdict does not move with what is asked for; `tasks` narrows the estimates only. What
    cannot be compared raises HarnessError if `strict` and a pair is concerned; else its sentence is kept in `problems`.
    The random numbers depend on `seed`, the task and the family alone, so an analysis made a moment ago (`known`) is
    not made again if it was of the same results and families, and of all that is asked for here.
    """
    members = list({e.name: e for e in (*entries, *(entries if family is None else family))}.values())
    place = {s.system_id: (entry.name, s.seed) for entry in members for s in entry.systems}
    rows = store.scores() if scores is None else scores
    rows = rows[rows["system_id"].isin(place)]
    contrasts = with_margins(declared_contrasts(), rows)
    shown = None if tasks is None else set(tasks)
    problems = [problem for pair in pairs for problem in _other_base_revision(pair)]
    barred = {problem.pair for problem in problems}
    wanted = [(a.name, b.name) for a, b in pairs if (a.name, b.name) not in barred]
    asked = {entry.name for entry in entries}
    families = _families(members, contrasts)
    floors = noise_floors(store)
    basis = Basis(
        results=tuple(rows["result"].tolist()), place=place, families=families, floors=floors,
        declaration=contrasts.sha256, seed=seed, resamples=resamples, entries=frozenset(asked),
        pairs=frozenset(wanted), tasks=None if shown is None else frozenset(shown),
    )  # fmt: skip
    same = known if known is not None and known.basis.covers(basis) else None
    every = basis.every
    found: dict[TaskPart, OneTask] = {}
    groups = [(TaskPart(*map(str, n)), g) for n, g in rows.groupby(["task", "split", "subset"])]
    for i, (name, group) in enumerate(groups):
        _refuse(problems, asked, strict=strict)
        if progress is not None:
            progress(i, len(groups), name.task)
        here = shown is None or name.task in shown
        every[name] = same.basis.every[name] if same else analyse_task(
            name,
            cells_by_entry(group, place),
            store.outcomes(results=group["result"]),
            entries=asked if here else (),
            pairs=wanted if here else (),
            rng_seed=[seed, zlib.crc32("\0".join(name).encode())],
            resamples=resamples,
        )  # fmt: skip
        if here and any(place[system][0] in asked for system in group["system_id"]):
            found[name] = every[name]
            problems += [each for each in every[name].problems if each.pair is None or each.pair in wanted]
    _refuse(problems, asked, strict=strict)
    if progress is not None:
        progress(len(groups), len(groups), "")
    panels = [panel for task in every.values() for panel in task.panels]
    of_tasks = rows if shown is None else rows[rows["task"].isin(shown)]
    conditions = conditions_of(of_tasks, {system: name for system, (name, _) in place.items()})
    notes = {(a.name, b.name): unlike((a.name, b.name), conditions) for a, b in pairs}
    decisions = same.decisions if same else {
        base: decide_families(
            panels,
            [entry.name for entry in of_base],
            contrasts=contrasts,
            numbers={(e.name, s.seed): i for i, (e, s) in enumerate((e, s) for e in of_base for s in e.systems)},
            floors=floors.get(of_base[0].systems[0].base_revision, {}),  # a reference has none
            seed=seed,
            resamples=resamples,
        )
        for base, of_base in families.items()
    }  # fmt: skip
    return Analysis(
        tasks=tuple(found),
        scores={
            (entry, name): score
            for name, task in found.items()
            for entry, score in task.scores.items()
            if entry in asked
        },
        comparisons=tuple(
            _comparison(pair, found, problems, notes, decisions, floors, contrasts, seed=seed, resamples=resamples)
            for pair in pairs
        ),
        problems=tuple(dict.fromkeys([*(p.sentence for p in problems), *in_one(notes, conditions)])),
        decisions=decisions,
        panels=tuple(panels),
        basis=basis,
    )


def _families(entries: Sequence[Entry], contrasts: Contrasts) -> dict[str, list[Entry]]:
    """Return what may be tested together on each base: its variants of one revision, in declared order, and references.

    References are part of the family of all pairs, as a variant that is added is, and of no declared contrast.
    """
    bases: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == "variant":
            bases.setdefault(entry.base, []).append(entry)
    families = {}
    for base, of_base in bases.items():
        revisions = [entry.systems[0].base_revision for entry in of_base]
        usual = max(revisions, key=revisions.count)
        by_name = {e.variant: e for e, revision in zip(of_base, revisions, strict=True) if revision == usual}
        families[base] = [by_name[name] for name in contrasts.order(by_name)]
    references = [entry for entry in entries if entry.is_reference]
    if references and not families:
        return {"": references}
    return {base: [*of_base, *references] for base, of_base in families.items()}


def noise_floors(store: Store) -> dict[str, dict[TaskKey, float]]:
    """Return the largest noise floor of each task by base revision."""
    found: dict[str, dict[TaskKey, float]] = {}
    for noise in store.noise_floors():
        of_base = found.setdefault(noise.base_revision, {})
        of_base[noise.key] = max(noise.floor, of_base.get(noise.key, 0.0))
    return found


def _refuse(problems: Sequence[Problem], asked: Collection[Name], *, strict: bool) -> None:
    for problem in problems if strict else ():
        if problem.entry is None or problem.entry in asked:
            raise HarnessError(problem.sentence)


def _other_base_revision(pair: Pair) -> list[Problem]:
    first, second = pair
    a, b = first.systems[0].base_revision, second.systems[0].base_revision
    if first.base != second.base or a == b:
        return []
    who = f"{first.variant} and {second.variant}"
    sentence = f"{who} come from two revisions of {first.base} ({a[:12]}, {b[:12]}); run one of them again"
    return [Problem(pair=(first.name, second.name), sentence=sentence)]


def cells_by_entry(group: pd.DataFrame, place: Mapping[str, tuple[Name, int | None]]) -> Cells:
    """Arrange rows of Store.scores by entry and seed; `place` says whose each system is."""
    cells: dict[Name, dict[int | None, dict[str, object]]] = {}
    for row in group.sort_values("result").to_dict("records"):
        entry, training_seed = place[row["system_id"]]
        cells.setdefault(entry, {})[training_seed] = {str(column): value for column, value in row.items()}
    return cells


def _comparison(
    pair: Pair,
    found: Mapping[TaskPart, OneTask],
    problems: Sequence[Problem],
    notes: Mapping[NamePair, str],
    decisions: Mapping[str, Decisions],
    floors: Mapping[str, Mapping[TaskKey, float]],
    contrasts: Contrasts,
    *,
    seed: int,
    resamples: int,
) -> Comparison:
    """Give each task of one pair its verdict, from its family where it has one."""
    names: NamePair = (pair[0].name, pair[1].name)
    tasks = [each.comparisons[names] for each in found.values() if names in each.comparisons]
    of_base = decisions.get(pair[0].base or pair[1].base)  # a reference is tested on the base of the other
    known = [of_base.of(names, task.key.part) if of_base else None for task in tasks]
    family: Family = "exploratory"
    if any(known):
        tasks = [
            judge(task, decision, alpha=contrasts.alpha) if decision else task
            for task, decision in zip(tasks, known, strict=True)
        ]
        family = next(decision.family for decision in known if decision)
    else:
        tasks = explore(tasks, contrasts=contrasts, floors=floors.get(pair[0].systems[0].base_revision, {}))
    shared = [panel for name, each in found.items() if names in each.comparisons for panel in each.panels]
    across, without = mean_over_tasks(shared, names, seed=seed, resamples=resamples)
    return Comparison(
        variant=pair[0],
        against=pair[1],
        alpha=contrasts.alpha,
        tasks=tuple(tasks),
        missing={name: task.missing[names][1] for name, task in found.items() if names in task.missing},
        problems=(*(problem.sentence for problem in problems if problem.pair == names), *filter(None, [notes[names]])),
        family=family,
        across=across,
        without=without,
        replicability=better_on(tasks, alpha=contrasts.alpha),
        declaration=contrasts.sha256,
    )
