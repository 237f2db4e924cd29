"""What each page shows, as plain data: every number is computed here or to the left, none in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare import (
    Analysis,
    Comparison,
    Contrast,
    Contrasts,
    Entry,
    Place,
    Progress,
    Ranks,
    TaskComparison,
    TaskName,
    TaskScore,
    analyse,
    declared_contrasts,
    make_ranks,
    overall,
    scope,
    sentence,
    task_label,
    unproven,
)
from harness.contamination import TaskOverlap, by_task
from harness.records import Overlap, Run, System
from harness.stats import Report
from harness.store import Store
from harness.suites.retention import TASK_TYPE as RETENTION
from leaderboard import text


@dataclass(frozen=True, kw_only=True)
class Task:
    """A column of the table and a page."""

    name: TaskName
    label: str
    href: str
    task_type: str
    metrics: tuple[str, ...]  # one, unless two versions of the task are stored
    revisions: tuple[str, ...]

    @property
    def is_retention(self) -> bool:
        """Whether it asks what the language model lost, not what the encoder gained."""
        return self.task_type == RETENTION


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score in the table; `mark` and `change` are verdict and difference against the foot of the ladder.

    Where there is nothing to compare with they are empty and None. `overlap` says what the training data shares with
    the task; None where nothing is recorded.
    """

    task: Task
    score: TaskScore | None
    mark: str
    overlap: TaskOverlap | None
    change: float | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A base × variant. `place` is its rank by the mean over tasks; `notes` say why it has none."""

    entry: Entry
    href: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    place: Place | None

    @property
    def trained(self) -> bool:
        """Whether a stage was trained for it."""
        return any(system.stage_digests for system in self.entry.systems)

    @property
    def overlaps(self) -> tuple[TaskOverlap, ...]:
        """What is recorded of its tasks."""
        return tuple(cell.overlap for cell in self.cells if cell.score and cell.overlap)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A declared contrast that the store can answer."""

    contrast: Contrast
    comparison: Comparison
    sentence: str
    scope: str

    @property
    def tally(self) -> tuple[tuple[str, int], ...]:
        """The encoder's tasks by verdict; the language model's where nothing else was measured."""
        kinds = ("better", "equivalent", "undecided", "worse", "descriptive")
        alone = all(task.is_retention for task in self.comparison.tasks)
        return tuple((kind, self.comparison.count(kind, retention=alone)) for kind in kinds)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Base:
    """One section of the front page."""

    name: str
    answer: str
    scope: str
    root: str
    tasks: tuple[Task, ...]
    rows: tuple[Row, ...]
    baselines: tuple[Row, ...]  # and reference models that share a task with a variant
    ladder: tuple[Step, ...]
    controls: tuple[Step, ...]
    problems: tuple[str, ...]
    proofs: Mapping[str, tuple[tuple[System, Run | None], ...]]  # variant -> each seed's newest run
    overall: str  # what holds over the tasks of the answer
    ranks: Ranks

    @property
    def overlapping(self) -> bool:
        """Whether a score stands beside training data that overlaps its task."""
        return any(cell.overlap and cell.overlap.overlaps for row in self.rows for cell in row.cells)

    @property
    def encoder_tasks(self) -> tuple[Task, ...]:
        """The tasks of the ladder's charts: all but retention, which has units and a direction of its own."""
        return tuple(task for task in self.tasks if not task.is_retention)

    @property
    def columns(self) -> tuple[Task, ...]:
        """The tasks of the table; of retention bits per byte stand for all, the rest has pages."""
        return tuple(task for task in self.tasks if not task.is_retention or "bits_per_byte" in task.metrics)

    def place_on(self, task: Task, variant: str) -> Place | None:
        """Return a variant's rank on one task, None where it has none."""
        found = [p for r in self.ranks.tasks if r.task == task.name for p in r.places if p.variant == variant]
        return found[0] if found else None

    def steps_on(self, task: Task) -> list[tuple[Step, TaskComparison]]:
        """Return the declared contrasts with their result on `task`."""
        return [
            (step, found)
            for step in (*self.ladder, *self.controls)
            for found in step.comparison.tasks
            if (found.key.task, found.key.split, found.key.subset) == task.name
        ]


@dataclass(frozen=True, kw_only=True)
class Site:
    """The whole site."""

    bases: tuple[Base, ...]
    tasks: tuple[Task, ...]
    contrasts: Contrasts
    undeclared: int  # runs that were measured before this declaration, or under another
    newest: str  # date of the newest score: the site's own date would change its bytes
    calibration: Report | None  # the last report of `harness calibrate`
    calibrated: str  # its date, or empty


def make_site(
    store: Store, entries: Sequence[Entry], scores: pd.DataFrame, *, resamples: int, progress: Progress | None
) -> Site:
    """Analyse every base and arrange the results; `entries` are not empty."""
    contrasts = declared_contrasts()
    runs = {run.run_id: run for run in store.runs()}
    overlaps = store.overlaps()
    tasks = _tasks(scores)
    hrefs = text.slugs(_file_name(entry) for entry in entries)
    names = sorted({entry.base for entry in entries if entry.base}) + _without_base(entries, scores)
    calibration = store.calibration()
    bases = []
    for name in names:
        here = [entry for entry in entries if entry.base in ("", name)]
        rows = _asked(here, scores)
        analysis = analyse(
            store,
            entries=here,
            pairs=_pairs(here, contrasts),
            scores=rows,
            resamples=resamples,
            progress=progress,
        )
        encoder = [task for task in analysis.tasks if not tasks[task].is_retention]
        ranks = make_ranks(
            analysis,
            here,
            rows,
            unproven=unproven(store, here, rows),
            chosen=encoder or list(analysis.tasks),
            resamples=resamples,
        )
        bases.append(_base(name, here, analysis, ranks, tasks, rows, runs, hrefs, contrasts, overlaps))
    return Site(
        bases=tuple(bases),
        tasks=tuple(tasks.values()),
        contrasts=contrasts,
        undeclared=sum(run.provenance.get("contrasts") != contrasts.sha256 for run in runs.values()),
        newest=f"{scores['measured_at'].max():%Y-%m-%d %H:%M} UTC",
        calibration=None if calibration is None else Report.from_json(calibration[0]),
        calibrated="" if calibration is None else f"{calibration[1]:%Y-%m-%d}",
    )


def _without_base(entries: Sequence[Entry], scores: pd.DataFrame) -> list[str]:
    """Return [""] if there is a section of no base: references measured where no variant was, or no variant at all."""
    if all(entry.is_reference or not entry.base for entry in entries):
        return [""]
    references = scores[scores["kind"].eq("reference")]
    return [""] if set(references["task"]) - set(scores["task"][scores["kind"].eq("variant")]) else []


def _asked(entries: Sequence[Entry], scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of `entries` on what the base's own were measured on: a reference adds no column."""
    mine = scores[scores["system_id"].isin([s.system_id for entry in entries for s in entry.systems])]
    own = mine[mine["base"] != ""]
    if own.empty:
        return mine
    key = ["task", "split", "subset"]
    return mine[pd.MultiIndex.from_frame(mine[key]).isin(pd.MultiIndex.from_frame(own[key]))]


def _tasks(scores: pd.DataFrame) -> dict[TaskName, Task]:
    """Return the tasks by type, then name."""
    found: dict[TaskName, pd.DataFrame] = {}
    for name, rows in scores.groupby(["task_type", "task", "split", "subset"], sort=True):
        found[str(name[1]), str(name[2]), str(name[3])] = rows
    labels = {name: task_label(name, tuple(found)) for name in found}
    hrefs = text.slugs(labels.values())
    return {
        name: Task(
            name=name,
            label=labels[name],
            href=f"tasks/{hrefs[labels[name]]}.html",
            task_type=str(rows["task_type"].iloc[0]),
            metrics=tuple(sorted(set(rows["metric"]))),
            revisions=tuple(sorted(set(rows["revision"]))),
        )
        for name, rows in found.items()
    }


def _pairs(entries: Sequence[Entry], contrasts: Contrasts) -> list[tuple[Entry, Entry]]:
    """Return the declared contrasts that can be made, and each variant against the foot of the ladder."""
    by_name = {entry.variant: entry for entry in entries if entry.kind == "variant"}
    wanted = [(step.variant, step.against) for step in contrasts.declared]
    wanted += [(name, contrasts.root) for name in contrasts.order(by_name) if name != contrasts.root]
    return [(by_name[a], by_name[b]) for a, b in dict.fromkeys(wanted) if a in by_name and b in by_name]


def _base(
    name: str,
    entries: Sequence[Entry],
    analysis: Analysis,
    ranks: Ranks,
    tasks: Mapping[TaskName, Task],
    scores: pd.DataFrame,
    runs: Mapping[str, Run],
    hrefs: Mapping[str, str],
    contrasts: Contrasts,
    overlaps: Sequence[Overlap],
) -> Base:
    compared = {(c.variant.variant, c.against.variant): c for c in analysis.comparisons}
    by_name = {entry.variant: entry for entry in entries if entry.kind == "variant"}
    columns = [task for task_id, task in tasks.items() if task_id in analysis.tasks]
    newest_run = scores.sort_values("result").groupby("system_id")["run_id"].last().to_dict()
    proofs = {e.variant: tuple((s, runs.get(newest_run.get(s.system_id, ""))) for s in e.systems) for e in entries}
    used = scores.groupby("system_id")["run_id"].unique().to_dict()
    revisions = set(zip(scores["task"], scores["revision"], strict=True))

    def _measured(overlap: TaskOverlap) -> bool:
        return (overlap.task, overlap.revision) in revisions

    def row(entry: Entry) -> Row:
        against = compared.get((entry.variant, contrasts.root))
        found = {} if against is None else {_name(t): t for t in against.tasks}
        stages = {digest for system in entry.systems for digest in system.stage_digests}
        seen = {each.task: each for each in by_task(o for o in overlaps if o.stage in stages) if _measured(each)}
        cells = [
            Cell(
                task=t,
                score=analysis.scores.get((entry.name, t.name)),
                mark=found[t.name].verdict if t.name in found else "",
                change=found[t.name].difference if t.name in found else None,
                overlap=seen.get(t.name[0]),
            )
            for t in columns
        ]
        # Retention is a suite of its own: a row without it is not incomplete.
        counted = [cell for cell in cells if not cell.task.is_retention] or cells
        measured = sum(cell.score is not None for cell in counted)
        proven = all(runs[run_id].proven for s in entry.systems for run_id in used[s.system_id])
        notes = [] if proven or entry.kind != "variant" else ["unranked: no mask proof"]
        notes += [] if measured == len(counted) else [f"unranked: {measured} of {len(counted)} tasks"]
        if not notes and entry.variant in ranks.unranked:
            notes = [f"unranked: {ranks.unranked[entry.variant]}"]
        notes = ["reference model", *notes] if entry.is_reference else notes
        places = ranks.overall.places if ranks.overall else ()
        place = next((p for p in places if p.variant == entry.variant), None)
        href = f"systems/{hrefs[_file_name(entry)]}.html"
        return Row(entry=entry, href=href, cells=tuple(cells), notes=tuple(notes), place=place)

    def steps(declared: Sequence[Contrast]) -> tuple[Step, ...]:
        made = [(c, compared[c.variant, c.against]) for c in declared if (c.variant, c.against) in compared]
        return tuple(
            Step(contrast=c, comparison=found, sentence=sentence(found), scope=scope(found)) for c, found in made
        )

    headline = contrasts.headline_among(by_name)
    answer = compared.get((headline.variant, headline.against)) if headline else None
    return Base(
        name=name,
        answer=sentence(answer) if answer else _no_answer(name, contrasts),
        scope=scope(answer) if answer else "",
        overall=overall(answer) if answer else "",
        ranks=ranks,
        root=contrasts.root,
        tasks=tuple(columns),
        rows=tuple(row(by_name[variant]) for variant in contrasts.order(by_name)),
        baselines=tuple(row(e) for e in entries if e.kind != "variant" and any(s.system_id in used for s in e.systems)),
        ladder=steps(contrasts.ladder),
        controls=steps(contrasts.controls),
        problems=analysis.problems,
        proofs=proofs,
    )


def _file_name(entry: Entry) -> str:
    return "--".join(filter(None, entry.name))


def _name(task: TaskComparison) -> TaskName:
    return (task.key.task, task.key.split, task.key.subset)


def _no_answer(name: str, contrasts: Contrasts) -> str:
    if not name:
        return "Reference models, and no variant to compare them with on these tasks."
    where = f"On base {name} there"
    return f"{where} is nothing to compare yet: that takes {contrasts.root} and one more variant of the ladder."
