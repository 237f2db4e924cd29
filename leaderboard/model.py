"""What the pages show, as plain data: the results of harness.compare, arranged by base, row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.calibration.report import CalibrationReport
from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.results import AxisAnalysis
from harness.compare.contrasts import Contrasts, VariantContrast
from harness.compare.entries import Entry
from harness.compare.overall import MeanVerdict
from harness.compare.ranking import Place, Ranks
from harness.compare.results import Comparison, TaskComparison, TaskScore
from harness.contamination.wording import TaskOverlap
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.records import Run, System
from harness.stage_record import StageManifest
from harness.suites.retention import TASK_TYPE as RETENTION
from leaderboard.history import HistoricRun
from leaderboard.signatures import Signature

FRONT = "index.html"


@dataclass(frozen=True, kw_only=True)
class TaskColumn:
    """A column of the table and a page."""

    name: TaskPart
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
class TableCell:
    """One score in the table, and its comparison with the causal base (None: nothing to compare with).

    `overlap` says what the training data shares with the task; None where nothing is recorded.
    """

    task: TaskColumn
    score: TaskScore | None
    against: TaskComparison | None
    overlap: TaskOverlap | None
    signatures: tuple[Signature, ...] = ()  # one a seed


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A base × variant. `place` is its rank by the mean over tasks; `notes` say why it has none.

    `seconds` is the time to measure all its tasks, the mean over its seeds, on `device`. `besides` are its scores in
    other dtypes and on other devices, which are not compared, in words.
    """

    entry: Entry
    href: str
    key: str
    cells: tuple[TableCell, ...]
    notes: tuple[str, ...]
    place: Place | None
    seconds: float | None
    device: str
    besides: Mapping[str, str]
    by_rank: int | None  # its place if the table is sorted by rank
    generation: str  # what its greedy continuations share with the base's, in one sentence; "" if not measured

    @property
    def complete(self) -> bool:
        """Whether every task of the encoder was measured."""
        return all(cell.score for cell in self.cells if not cell.task.is_retention)

    @property
    def by_task(self) -> Mapping[TaskColumn, TableCell]:
        """The cells of its tasks."""
        return {cell.task: cell for cell in self.cells}

    @property
    def trained(self) -> bool:
        """Whether a stage was trained for it."""
        return any(system.stage_digests for system in self.entry.systems)

    @property
    def overlaps(self) -> tuple[TaskOverlap, ...]:
        """What is recorded of its tasks."""
        return tuple(cell.overlap for cell in self.cells if cell.score and cell.overlap)


@dataclass(frozen=True, kw_only=True)
class ComparedPair:
    """Two variants of a base, and the page of their comparison; `contrast` is None where none was declared.

    `mean` is what the mean over the tasks shows; None where it is not tested, or is none of the page's claims.
    """

    comparison: Comparison
    contrast: VariantContrast | None
    href: str
    mean: MeanVerdict | None = None

    @property
    def names(self) -> tuple[str, str]:
        """The variant, and the one that it is compared with."""
        return (self.comparison.variant.variant, self.comparison.against.variant)

    @property
    def label(self) -> str:
        """The difference as a formula: the second is subtracted from the first."""
        return " − ".join(self.names)

    @property
    def tally(self) -> tuple[tuple[str, int], ...]:
        """The encoder's tasks by verdict; the language model's where nothing else was measured."""
        kinds = ("better", "equivalent", "undecided", "worse", "descriptive")
        alone = all(task.is_retention for task in self.comparison.tasks)
        return tuple((kind, self.comparison.count(kind, retention=alone)) for kind in kinds)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class BaseSection:
    """One base, with a page of its own if there are several; `answer` is the headline, None if it was not measured."""

    name: str
    key: str
    href: str
    answer: ComparedPair | None
    ranks: Ranks
    tasks: tuple[TaskColumn, ...]
    rows: tuple[TableRow, ...]
    references: Mapping[str, tuple[TableRow, ...]]  # no part of the ladder, by kind: baseline, reference
    ladder: tuple[ComparedPair, ...]
    controls: tuple[ComparedPair, ...]
    pairs: tuple[ComparedPair, ...]  # every two variants, the declared among them
    problems: tuple[str, ...]
    proofs: Mapping[str, tuple[tuple[System, Run | None], ...]]  # variant -> each seed's newest run

    @property
    def all_rows(self) -> tuple[TableRow, ...]:
        """The variants, then the bag of words and the reference models."""
        return (*self.rows, *(row for rows in self.references.values() for row in rows))

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites of its columns."""
        return tuple(dict.fromkeys(suite for task in self.columns for suite in task.suites))

    @property
    def overlapping(self) -> bool:
        """Whether training data overlaps the task of some score."""
        return any(cell.overlap and cell.overlap.overlaps for row in self.rows for cell in row.cells)

    @property
    def columns(self) -> tuple[TaskColumn, ...]:
        """The tasks of the table; of retention only those that are tested, the rest has pages."""
        return tuple(
            task for task in self.tasks if not task.is_retention or any(get_metric(m).tested for m in task.metrics)
        )

    @property
    def declared(self) -> tuple[ComparedPair, ...]:
        """The steps of the ladder and the controls."""
        return (*self.ladder, *self.controls)

    def pairs_of(self, variant: str) -> tuple[ComparedPair, ...]:
        """Return the comparisons that a variant is part of."""
        return tuple(pair for pair in self.pairs if variant in pair.names)

    def place_on(self, task: TaskColumn, variant: str) -> Place | None:
        """Return a variant's rank on one task, None where it has none."""
        found = [p for r in self.ranks.tasks if r.task == task.name for p in r.places if p.variant == variant]
        return found[0] if found else None

    def declared_on(self, task: TaskColumn) -> list[tuple[ComparedPair, TaskComparison]]:
        """Return the declared contrasts with their result on `task`."""
        return [
            (pair, found) for pair in self.declared for found in pair.comparison.tasks if found.key.part == task.name
        ]


@dataclass(frozen=True, kw_only=True)
class AxisSection:
    """A declared axis as far as it was measured, and its page; `missing` are its bases without results.

    `refused` says why there is no `analysis`: the bases contradict what the axis claims of them. `at_width` has the
    same comparison of all that was read at one width, for each such width; where it is refused, `refused` says why.
    """

    axis: BaseAxis
    href: str
    analysis: AxisAnalysis | None
    refused: tuple[str, ...]
    missing: tuple[str, ...]
    at_width: tuple[AxisAnalysis, ...] = ()

    @property
    def analyses(self) -> tuple[AxisAnalysis, ...]:
        """All comparisons, the plain one first."""
        return ((self.analysis,) if self.analysis else ()) + self.at_width


@dataclass(frozen=True, kw_only=True)
class Site:
    """The whole site."""

    bases: tuple[BaseSection, ...]
    axes: tuple[AxisSection, ...]
    tasks: tuple[TaskColumn, ...]
    contrasts: Contrasts
    history: Mapping[str, Sequence[HistoricRun]]  # by base, oldest first
    stages: Mapping[str, StageManifest]
    undeclared: int  # runs that were measured before this declaration, or with another version of it
    newest: str  # date of the newest score: the site's own date would change its bytes
    calibration: CalibrationReport | None  # the last report of `harness calibrate`
    calibrated: str  # its date, or empty

    @property
    def front(self) -> BaseSection | None:
        """The base that the first page shows; None where it is an overview of several.

        Tasks that were measured on reference models alone are of no base: they have a page of their own.
        """
        return next((base for base in self.bases if base.href == FRONT), None)
