"""From the store to what the pages show: every number is computed here or in harness, none in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from harness.calibration.report import CalibrationReport
from harness.compare.analysis import Analysis, AnalysisProgress, analyse
from harness.compare.conditions import measured_besides
from harness.compare.contrasts import Contrasts, VariantContrast, declared_contrasts
from harness.compare.entries import Entry
from harness.compare.overall import judge_means
from harness.compare.ranking import Ranks, make_ranks, unproven
from harness.compare.wording import task_label
from harness.outcomes import TaskPart
from harness.store import Store
from leaderboard import text
from leaderboard.axes import make_axes
from leaderboard.history import make_history
from leaderboard.model import FRONT, BaseSection, ComparedPair, Site, TableRow, TaskColumn
from leaderboard.rows import Rows, StoredMaterial, file_name


def analyse_base(
    store: Store,
    name: str,
    entries: Sequence[Entry],
    scores: pd.DataFrame,
    *,
    resamples: int,
    progress: AnalysisProgress | None,
) -> Analysis:
    """Analyse one base, every two of its variants; `entries` of other bases do not count."""
    here = _of_base(entries, name)
    return analyse(
        store,
        entries=here,
        pairs=_pairs(here, declared_contrasts()),
        scores=_asked(here, scores),
        resamples=resamples,
        progress=progress,
    )


def make_site(
    store: Store,
    entries: Sequence[Entry],
    scores: pd.DataFrame,
    *,
    otherwise: Sequence[Entry] = (),
    known: Mapping[str, Analysis],
    resamples: int,
    progress: AnalysisProgress | None,
) -> Site:
    """Analyse every base that is not `known` and arrange the results; `entries` are not empty.

    Variants that were read `otherwise` are no part of a base's tests; axes compare those of one width.
    """
    contrasts = declared_contrasts()
    names = sorted({entry.base for entry in entries if entry.base}) + _without_base(entries, scores)
    systems, everything = store.systems(), store.scores(current=False)
    kept = StoredMaterial(
        scores=scores,
        besides=measured_besides(everything),
        runs={run.run_id: run for run in store.runs()},
        systems={system.system_id: system for system in systems},
        overlaps=store.overlaps(),
        contrasts=contrasts,
        tasks=_tasks(scores),
        hrefs=text.slugs(
            [
                *(file_name(entry, _among(names, name)) for name in names for entry in _of_base(entries, name)),
                *(_pair_name(a, b) for a, b in _pairs(entries, contrasts)),
            ]
        ),
    )
    keys = text.slugs(names)
    calibration = store.calibration()
    bases = []
    for i, name in enumerate(names):
        here = _of_base(entries, name)
        rows = _asked(here, scores)
        part = _part(progress, i, len(names), name)
        analysis = known.get(name) or analyse_base(store, name, entries, scores, resamples=resamples, progress=part)
        encoder = [task for task in analysis.tasks if not kept.tasks[task].is_retention]
        ranks = make_ranks(
            analysis,
            here,
            rows,
            unproven=unproven(store, here, rows),
            chosen=encoder or list(analysis.tasks),
            resamples=resamples,
        )
        href = FRONT if [name] in (names, [each for each in names if each]) else f"bases/{keys[name]}.html"
        of = replace(kept, scores=rows, section=_among(names, name))
        bases.append(_base(name, keys[name], href, here, analysis, ranks, of))
    axes = make_axes(
        store, entries, scores, otherwise=otherwise, resamples=resamples,
        progress_of=lambda i, n, axis: _part(progress, i, n, axis),
    )  # fmt: skip
    return Site(
        bases=tuple(bases),
        axes=axes,
        tasks=tuple(kept.tasks.values()),
        contrasts=contrasts,
        history=make_history(everything, systems, kept.runs),
        stages=store.stages(),
        undeclared=sum(run.provenance.contrasts != contrasts.sha256 for run in kept.runs.values()),
        newest=f"{scores['measured_at'].max():%Y-%m-%d %H:%M} UTC",
        calibration=None if calibration is None else CalibrationReport.from_json(calibration[0]),
        calibrated="" if calibration is None else f"{calibration[1]:%Y-%m-%d}",
    )


def _among(names: Sequence[str], name: str) -> str:
    """Return what the files of `name` are told apart by: nothing where it is the only base."""
    return name if len(names) > 1 else ""


def _of_base(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Return the entries of a base, and the references."""
    return [entry for entry in entries if entry.base in ("", name)]


def _part(progress: AnalysisProgress | None, at: int, n: int, base: str) -> AnalysisProgress | None:
    """Count the tasks of base number `at` of `n` as part of all."""
    if progress is None:
        return None
    return lambda done, total, what: progress(
        at * total + done,
        n * total,
        f"testing differences on {base}: {what}" if what else f"testing differences on {base}",
    )


def _without_base(entries: Sequence[Entry], scores: pd.DataFrame) -> list[str]:
    """Return [""] if there is a section without a base: reference models on tasks of no variant, or no variant."""
    if all(entry.is_reference or not entry.base for entry in entries):
        return [""]
    references = scores[scores["kind"].eq("reference")]
    return [""] if set(references["task"]) - set(scores["task"][scores["kind"].eq("variant")]) else []


def _asked(entries: Sequence[Entry], scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of `entries` on the tasks of the base's own variants: a reference model adds no column."""
    mine = scores[scores["system_id"].isin([s.system_id for entry in entries for s in entry.systems])]
    own = mine[mine["base"] != ""]
    if own.empty:
        return mine
    key = ["task", "split", "subset"]
    return mine[pd.MultiIndex.from_frame(mine[key]).isin(pd.MultiIndex.from_frame(own[key]))]


def _tasks(scores: pd.DataFrame) -> dict[TaskPart, TaskColumn]:
    """Return the tasks by type, then name."""
    found: dict[TaskPart, pd.DataFrame] = {}
    for name, rows in scores.groupby(["task_type", "task", "split", "subset"], sort=True):
        found[TaskPart(*map(str, name[1:]))] = rows
    labels = {name: task_label(name, tuple(found)) for name in found}
    hrefs = text.slugs(labels.values())
    return {
        name: TaskColumn(
            name=name,
            label=labels[name],
            href=f"tasks/{hrefs[labels[name]]}.html",
            key=hrefs[labels[name]],
            task_type=str(rows["task_type"].iloc[0]),
            metrics=tuple(sorted(set(rows["metric"]))),
            revisions=tuple(sorted(set(rows["revision"]))),
            suites=tuple(sorted(set(rows["suite"]))),
        )
        for name, rows in found.items()
    }


def _pairs(entries: Sequence[Entry], contrasts: Contrasts) -> list[tuple[Entry, Entry]]:
    """Return every two variants of a base, as declared or the later of the ladder minus the earlier."""
    declared = {(c.variant, c.against) for c in contrasts.declared}
    pairs = []
    for base in sorted({entry.base for entry in entries if entry.kind == "variant"}):
        by_name = {entry.variant: entry for entry in entries if entry.kind == "variant" and entry.base == base}
        for first, second in combinations(contrasts.order(by_name), 2):
            a, b = (first, second) if (first, second) in declared else (second, first)
            pairs.append((by_name[a], by_name[b]))
    return pairs


def _base(
    name: str, key: str, href: str, entries: Sequence[Entry], analysis: Analysis, ranks: Ranks, kept: StoredMaterial
) -> BaseSection:
    contrasts = kept.contrasts
    declared = {(c.variant, c.against): c for c in contrasts.declared}
    by_name = {entry.variant: entry for entry in entries if entry.kind == "variant"}
    columns = [task for task_id, task in kept.tasks.items() if task_id in analysis.tasks]
    newest_run = kept.scores.sort_values("result").groupby("system_id")["run_id"].last().to_dict()
    pairs: dict[tuple[str, str], ComparedPair] = {}
    for found in analysis.comparisons:
        names = (found.variant.variant, found.against.variant)
        page = f"compare/{kept.hrefs[_pair_name(found.variant, found.against)]}.html"
        pairs[names] = ComparedPair(comparison=found, contrast=declared.get(names), href=page)

    headline = contrasts.headline_among(by_name)
    first = (headline.variant, headline.against) if headline else None
    first = first if first in pairs else None
    claims = [names for names, pair in pairs.items() if pair.contrast is not None and names != first]
    means = judge_means(pairs[first].comparison if first else None, [pairs[names].comparison for names in claims])
    claims = [*([first] if first else []), *claims]
    pairs |= {names: replace(pairs[names], mean=mean) for names, mean in zip(claims, means, strict=True)}

    def measured(of: Sequence[VariantContrast]) -> tuple[ComparedPair, ...]:
        return tuple(pairs[c.variant, c.against] for c in of if (c.variant, c.against) in pairs)

    rows = Rows(analysis=analysis, ranks=ranks, kept=kept, columns=columns, entries=entries)
    others: dict[str, list[TableRow]] = {}
    for entry in entries:
        if entry.kind != "variant" and any(s.system_id in newest_run for s in entry.systems):
            others.setdefault(entry.kind, []).append(rows.row(entry))
    return BaseSection(
        name=name,
        key=key,
        href=href,
        answer=pairs.get(first) if first else None,
        ranks=ranks,
        tasks=tuple(columns),
        rows=tuple(rows.row(by_name[variant]) for variant in contrasts.order(by_name)),
        references={kind: tuple(found) for kind, found in sorted(others.items())},
        ladder=measured(contrasts.ladder),
        controls=measured(contrasts.controls),
        pairs=tuple(pairs.values()),
        problems=analysis.problems,
        proofs={
            e.variant: tuple((s, kept.runs.get(newest_run.get(s.system_id, ""))) for s in e.systems) for e in entries
        },
    )


def _pair_name(first: Entry, second: Entry) -> str:
    return "--".join(filter(None, (first.base, first.variant, "vs", second.variant)))
