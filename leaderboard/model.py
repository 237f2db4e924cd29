"""What the pages show, as plain data: every number was computed before it came here, none in a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.calibration.report import CalibrationReport
from harness.compare import (
    Comparison,
    Contrasts,
    Entry,
    Place,
    Ranks,
    TaskComparison,
    TaskName,
    TaskScore,
    VariantContrast,
)
from harness.contamination import TaskOverlap
from harness.metrics import get_metric
from harness.records import Run, StageRecord, System
from harness.suites.retention import TASK_TYPE as RETENTION
from leaderboard.history import Past
from leaderboard.signatures import Signature


@dataclass(frozen=True, kw_only=True)
class Task:
    """A column of the table and a page."""

    name: TaskName
    label: str
    href: str
    task_type: str
    metrics: tuple[str, ...]  # one, unless two versions of the task are stored
    revisions: tuple[str, ...]
    suites: tuple[str, ...]  # in which it was measured
    key: str  # its file name, and its name in a link that holds the state of a table

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
    signatures: tuple[Signature, ...] = ()  # one a seed


@dataclass(frozen=True, kw_only=True)
class Row:
    """A base × variant. `place` is its rank by the mean over tasks; `notes` say why it has none.

    `seconds` is what measuring all its tasks took, the mean over its seeds, on `device`.
    """

    entry: Entry
    href: str
    key: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]
    place: Place | None
    seconds: float | None
    device: str

    @property
    def complete(self) -> bool:
        """Whether every task of the encoder was measured."""
        return all(cell.score for cell in self.cells if not cell.task.is_retention)

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

    contrast: VariantContrast
    comparison: Comparison
    sentence: str
    scope: str
    overall: str  # what holds over its tasks
    href: str
    declared: bool = True

    @property
    def label(self) -> str:
        """What is subtracted from what."""
        return f"{self.contrast.variant} − {self.contrast.against}"

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
    key: str
    answer: str
    scope: str
    root: str
    tasks: tuple[Task, ...]
    rows: tuple[Row, ...]
    references: Mapping[str, tuple[Row, ...]]  # no part of the ladder, by kind: baseline, reference
    ladder: tuple[Step, ...]
    controls: tuple[Step, ...]
    pairs: tuple[Step, ...]  # every two variants, the declared among them
    problems: tuple[str, ...]
    proofs: Mapping[str, tuple[tuple[System, Run | None], ...]]  # variant -> each seed's newest run
    overall: str  # what holds over the tasks of the answer
    ranks: Ranks

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The variants, then what stands beside them."""
        return (*self.rows, *(row for rows in self.references.values() for row in rows))

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites of its columns."""
        return tuple(dict.fromkeys(suite for task in self.columns for suite in task.suites))

    @property
    def overlapping(self) -> bool:
        """Whether a score stands beside training data that overlaps its task."""
        return any(cell.overlap and cell.overlap.overlaps for row in self.rows for cell in row.cells)

    @property
    def columns(self) -> tuple[Task, ...]:
        """The tasks of the table; of retention only those that are tested, the rest has pages."""
        return tuple(
            task for task in self.tasks if not task.is_retention or any(get_metric(m).tested for m in task.metrics)
        )

    @property
    def declared(self) -> tuple[Step, ...]:
        """The steps of the ladder and the controls."""
        return (*self.ladder, *self.controls)

    def pairs_of(self, variant: str) -> tuple[Step, ...]:
        """Return the comparisons that a variant is part of."""
        return tuple(p for p in self.pairs if variant in (p.contrast.variant, p.contrast.against))

    def place_on(self, task: Task, variant: str) -> Place | None:
        """Return a variant's rank on one task, None where it has none."""
        found = [p for r in self.ranks.tasks if r.task == task.name for p in r.places if p.variant == variant]
        return found[0] if found else None

    def steps_on(self, task: Task) -> list[tuple[Step, TaskComparison]]:
        """Return the declared contrasts with their result on `task`."""
        return [
            (step, found)
            for step in self.declared
            for found in step.comparison.tasks
            if (found.key.task, found.key.split, found.key.subset) == task.name
        ]


@dataclass(frozen=True, kw_only=True)
class Site:
    """The whole site."""

    bases: tuple[Base, ...]
    tasks: tuple[Task, ...]
    contrasts: Contrasts
    history: tuple[Past, ...]
    stages: Mapping[str, StageRecord]
    undeclared: int  # runs that were measured before this declaration, or under another
    newest: str  # date of the newest score: the site's own date would change its bytes
    calibration: CalibrationReport | None  # the last report of `harness calibrate`
    calibrated: str  # its date, or empty
