"""From the store to what the pages show: every number is computed here or in harness, none in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from harness.calibration.report import CalibrationReport
from harness.compare.analysis import Analysis, AnalysisProgress, analyse
from harness.compare.conditions import measured_besides
from harness.compare.contrasts import Contrasts, VariantContrast, declared_contrasts
from harness.compare.entries import Entry
from harness.compare.ranking import Ranks, make_ranks, unproven
from harness.compare.wording import task_label
from harness.contamination.wording import TaskOverlap, by_task
from harness.outcomes import TaskPart
from harness.records import Overlap, Run, System
from harness.store import Store
from leaderboard import text
from leaderboard.history import make_history
from leaderboard.model import BaseSection, ComparedPair, Site, TableCell, TableRow, TaskColumn
from leaderboard.signatures import Signature, signature


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What the store holds, without the outcomes."""

    scores: pd.DataFrame
    besides: pd.DataFrame  # in other dtypes or on other devices
    runs: Mapping[str, Run]
    systems: Mapping[str, System]
    overlaps: Sequence[Overlap]
    contrasts: Contrasts
    tasks: Mapping[TaskPart, TaskColumn]
    hrefs: Mapping[str, str]  # an entry's or a pair's file name, by its plain name


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
    known: Mapping[str, Analysis],
    resamples: int,
    progress: AnalysisProgress | None,
) -> Site:
    """Analyse every base that is not `known` and arrange the results; `entries` are not empty."""
    contrasts = declared_contrasts()
    names = sorted({entry.base for entry in entries if entry.base}) + _without_base(entries, scores)
    systems, everything = store.systems(), store.scores(current=False)
    kept = _Kept(
        scores=scores,
        besides=measured_besides(everything),
        runs={run.run_id: run for run in store.runs()},
        systems={system.system_id: system for system in systems},
        overlaps=store.overlaps(),
        contrasts=contrasts,
        tasks=_tasks(scores),
        hrefs=text.slugs([*map(_file_name, entries), *(_pair_name(a, b) for a, b in _pairs(entries, contrasts))]),
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
        bases.append(_base(name, keys[name], here, analysis, ranks, replace(kept, scores=rows)))
    return Site(
        bases=tuple(bases),
        tasks=tuple(kept.tasks.values()),
        contrasts=contrasts,
        history=make_history(everything, systems, kept.runs),
        stages=store.stages(),
        undeclared=sum(run.provenance.contrasts != contrasts.sha256 for run in kept.runs.values()),
        newest=f"{scores['measured_at'].max():%Y-%m-%d %H:%M} UTC",
        calibration=None if calibration is None else CalibrationReport.from_json(calibration[0]),
        calibrated="" if calibration is None else f"{calibration[1]:%Y-%m-%d}",
    )


def _of_base(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Return the entries of a base, and the references."""
    return [entry for entry in entries if entry.base in ("", name)]


def _part(progress: AnalysisProgress | None, at: int, n: int, base: str) -> AnalysisProgress | None:
    """Count the tasks of base number `at` of `n` as part of all."""
    if progress is None:
        return None
    return lambda done, total, what: progress(
        at * total + done, n * total, f"tests on {base}: {what}" if what else base
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


def _base(name: str, key: str, entries: Sequence[Entry], analysis: Analysis, ranks: Ranks, kept: _Kept) -> BaseSection:
    contrasts = kept.contrasts
    declared = {(c.variant, c.against): c for c in contrasts.declared}
    by_name = {entry.variant: entry for entry in entries if entry.kind == "variant"}
    columns = [task for task_id, task in kept.tasks.items() if task_id in analysis.tasks]
    newest_run = kept.scores.sort_values("result").groupby("system_id")["run_id"].last().to_dict()
    pairs: dict[tuple[str, str], ComparedPair] = {}
    for found in analysis.comparisons:
        names = (found.variant.variant, found.against.variant)
        href = f"compare/{kept.hrefs[_pair_name(found.variant, found.against)]}.html"
        pairs[names] = ComparedPair(comparison=found, contrast=declared.get(names), href=href)

    def measured(of: Sequence[VariantContrast]) -> tuple[ComparedPair, ...]:
        return tuple(pairs[c.variant, c.against] for c in of if (c.variant, c.against) in pairs)

    rows = _Rows(analysis=analysis, ranks=ranks, kept=kept, columns=columns, entries=entries)
    headline = contrasts.headline_among(by_name)
    answer = pairs.get((headline.variant, headline.against)) if headline else None
    others: dict[str, list[TableRow]] = {}
    for entry in entries:
        if entry.kind != "variant" and any(s.system_id in newest_run for s in entry.systems):
            others.setdefault(entry.kind, []).append(rows.row(entry))
    return BaseSection(
        name=name,
        key=key,
        answer=answer.comparison if answer else None,
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


class _Rows:
    """Rows of one base's table."""

    def __init__(
        self, *, analysis: Analysis, ranks: Ranks, kept: _Kept, columns: Sequence[TaskColumn], entries: Sequence[Entry]
    ) -> None:
        self._analysis, self._ranks, self._kept, self._columns = analysis, ranks, kept, columns
        self._compared = {(c.variant.variant, c.against.variant): c for c in analysis.comparisons}
        self._revisions = set(zip(kept.scores["task"], kept.scores["revision"], strict=True))
        mine = {system.system_id for entry in entries for system in entry.systems}
        self._results: dict[str, list[dict[str, object]]] = {system: [] for system in mine}
        for row in kept.scores[kept.scores["system_id"].isin(mine)].to_dict("records"):
            self._results[str(row["system_id"])].append({str(k): v for k, v in row.items()})

    def row(self, entry: Entry) -> TableRow:
        against = self._compared.get((entry.variant, self._kept.contrasts.root))
        found = {} if against is None else {t.key.part: t for t in against.tasks}
        stages = {digest for system in entry.systems for digest in system.stage_digests}
        seen = {
            each.task: each for each in by_task(o for o in self._kept.overlaps if o.stage in stages)
            if self._measured(each)
        }  # fmt: skip
        signed = self._signatures(entry)
        cells = [
            TableCell(
                task=t,
                score=self._analysis.scores.get((entry.name, t.name)),
                against=found.get(t.name),
                overlap=seen.get(t.name.task),
                signatures=tuple(signed.get(t.name, ())),
            )
            for t in self._columns
        ]
        places = self._ranks.overall.places if self._ranks.overall else ()
        results = [row for system in entry.systems for row in self._results[system.system_id]]
        key = self._kept.hrefs[_file_name(entry)]
        return TableRow(
            entry=entry,
            href=f"systems/{key}.html",
            key=key,
            cells=tuple(cells),
            notes=tuple(self._notes(entry, cells)),
            place=next((p for p in places if p.variant == entry.variant and entry.kind != "baseline"), None),
            seconds=sum(float(str(r["seconds"])) for r in results) / len(entry.systems) if results else None,
            device=", ".join(sorted({f"{row['device']} in {row['dtype']}" for row in results})),
            besides=self._besides(entry),
        )

    def _besides(self, entry: Entry) -> dict[str, str]:
        rows = self._kept.besides
        rows = rows[rows["system_id"].isin([system.system_id for system in entry.systems])]
        found: dict[str, list[str]] = {}
        for key, of_seeds in rows.groupby(["dtype", "device", "task", "split", "subset", "metric"]):
            dtype, device, task, split, subset, metric = map(str, key)
            label = self._kept.tasks[TaskPart(task, split, subset)].label
            score = text.score(float(of_seeds["score"].mean()), metric)
            found.setdefault(f"{dtype} on {device}", []).append(f"{label} {score}")
        return {condition: ", ".join(scores) for condition, scores in found.items()}

    def _measured(self, overlap: TaskOverlap) -> bool:
        return (overlap.task, overlap.revision) in self._revisions

    def _notes(self, entry: Entry, cells: Sequence[TableCell]) -> list[str]:
        # Retention is a suite of its own: a row without it is not incomplete.
        counted = [cell for cell in cells if not cell.task.is_retention] or cells
        measured = sum(cell.score is not None for cell in counted)
        if entry.kind != "variant":
            notes = ["reference model"] if entry.is_reference else []
            if measured == len(counted) and entry.variant in self._ranks.unranked and entry.is_reference:
                notes.append(f"not ranked: {self._ranks.unranked[entry.variant]}")
            return notes if measured == len(counted) else [*notes, f"{measured} of {len(counted)} tasks"]
        used = {str(row["run_id"]) for system in entry.systems for row in self._results[system.system_id]}
        notes = [] if all(self._kept.runs[run_id].proven for run_id in used) else ["not ranked: no mask proof"]
        notes += [] if measured == len(counted) else [f"not ranked: {measured} of {len(counted)} tasks"]
        if not notes and entry.variant in self._ranks.unranked:
            notes = [f"not ranked: {self._ranks.unranked[entry.variant]}"]
        return notes

    def _signatures(self, entry: Entry) -> dict[TaskPart, list[Signature]]:
        found: dict[TaskPart, list[Signature]] = {}
        for system in entry.systems:
            for row in self._results[system.system_id]:
                found.setdefault(TaskPart.of(row), []).append(
                    signature(row, system, self._kept.runs.get(str(row["run_id"])))
                )
        return found


def _file_name(entry: Entry) -> str:
    return "--".join(filter(None, entry.name))


def _pair_name(first: Entry, second: Entry) -> str:
    return "--".join(filter(None, (first.base, first.variant, "vs", second.variant)))
