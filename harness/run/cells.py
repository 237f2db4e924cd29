"""A plan ─▶ cells, the pieces of work that an engine may carry out anywhere, and what each waits for.

A cell is a stage to train, or a task to measure on a system. A `Worker` carries cells out and writes nothing to the
store. A stage that several systems share is one cell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, ProofError
from harness.run.measure import Measured, measure
from harness.run.open import Evidence, Listener, OpenSystem, open_system, train_stages
from harness.run.plan import RunPlan
from harness.run.systems import AnySystem, PlannedSystem
from harness.suites.task import Task
from harness.training.lineage import PlannedStage

if TYPE_CHECKING:
    from harness.encoder.placement import Placement


@dataclass(frozen=True, kw_only=True)
class RunCell:
    """A `stage` to train on the way to a system, or else a `task` to measure on it. It can be pickled.

    `job` is the number of its system in the plan, `turn` says which of the system's tasks it is, of how many. Cells
    with the numbers in `after` have to end before it begins. `weights` are the hashes of the weights whose results
    are stored: the system must not be opened with others (empty: with any).
    """

    number: int
    job: int
    label: str
    system: AnySystem
    place: Placement
    cache: Path
    stage: PlannedStage | None = None
    task: Task | None = None
    turn: tuple[int, int] = (1, 1)
    after: frozenset[int] = frozenset()
    weights: frozenset[str] = frozenset()

    @property
    def what(self) -> str:
        """What it does, as a person reads it."""
        if self.stage is not None:
            return f"{self.label} · {self.stage.name}"
        return f"{self.label} · {self.task.name}" if self.task else self.label

    @property
    def lineage(self) -> tuple[PlannedStage, ...]:
        """The stages of its system, first to last; of a stage to train, those up to it."""
        stages = self.system.lineage if isinstance(self.system, PlannedSystem) else ()
        return stages if self.stage is None else stages[: stages.index(self.stage) + 1]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What came of a cell. It can be pickled.

    `evidence` is there where the system was opened, and `measured` or `error` where a task was tried.
    `whole` says that an error is about the system, so that no other task can be measured on it; `broken` is the address
    of the stage that could not be made. `where` says on which machine, if that was not this process.
    """

    cell: RunCell
    evidence: Evidence | None = None
    measured: Measured | None = None
    error: HarnessError | None = None
    whole: bool = False
    broken: str = ""
    where: str = ""


def cells_of(plan: RunPlan, *, stages: bool) -> tuple[RunCell, ...]:
    """The cells of `plan`, in its order. With `stages` each stage that the cache lacks is a cell of its own.

    Else the first cell of a system trains what it lacks. Stages that are trained in one folder wait for each other.
    """
    cells: list[RunCell] = []
    trained_by: dict[str, int] = {}  # stages by address
    last_in: dict[str, int] = {}  # the last cell of those that are trained in one folder
    for number, job in enumerate(plan.jobs):
        if not job.missing:
            continue
        shared: dict[str, Any] = {
            "job": number, "label": job.label, "system": job.system, "place": plan.place, "cache": plan.cache,
        }  # fmt: skip
        lacking = job.system.untrained(plan.cache) if stages and isinstance(job.system, PlannedSystem) else ()
        for stage in lacking:
            if stage.digest in trained_by:
                continue
            before = {trained_by.get(stage.parent.digest if stage.parent else ""), last_in.get(stage.whole)} - {None}
            cells.append(RunCell(number=len(cells), stage=stage, after=frozenset(before), **shared))  # type: ignore[arg-type]
            trained_by[stage.digest] = last_in[stage.whole] = cells[-1].number
        after = frozenset(trained_by[stage.digest] for stage in lacking)
        for turn, task in enumerate(job.missing, start=1):
            cells.append(RunCell(number=len(cells), task=task, turn=(turn, len(job.missing)), after=after, **shared))
    return tuple(cells)


class Worker:
    """Carries out cells in this process, one after another; the system of the last one stays open for the next."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._opened: tuple[str, OpenSystem[Any]] | None = None

    @property
    def label(self) -> str:
        """The label of the system that is open; empty if none is."""
        return self._opened[0] if self._opened else ""

    def close(self) -> None:
        """Let go of the open system."""
        self._opened = None

    def carry_out(self, cell: RunCell) -> Ended:
        """Train the stage of `cell`, or measure its task. What a user can mend is in what is returned."""
        if cell.stage is not None:
            return self._train(cell, cell.stage)
        try:
            opened = self._open(cell)
        except HarnessError as error:
            untrained = cell.system.untrained(cell.cache) if isinstance(cell.system, PlannedSystem) else ()
            return Ended(cell=cell, error=error, whole=True, broken=untrained[0].digest if untrained else "")
        ended = Ended(cell=cell, evidence=opened.evidence)
        if cell.task is None:
            return ended
        if self._listener is not None:
            self._listener.task(cell.label, cell.task.name, *cell.turn)
        try:
            return replace(ended, measured=measure(opened.encoder, cell.task))
        except HarnessError as error:  # a proof is about the system, not about the task
            return replace(ended, error=error, whole=isinstance(error, ProofError))

    def _train(self, cell: RunCell, stage: PlannedStage) -> Ended:
        assert isinstance(cell.system, PlannedSystem)
        self.close()
        upto = replace(cell.system, lineage=cell.lineage)
        try:
            for later in cell.system.lineage[len(upto.lineage) :]:  # before any training
                later.stage.check(cell.system.base, later.seed)
            train_stages(upto, place=cell.place, cache=cell.cache, listener=self._listener)
        except HarnessError as error:
            return Ended(cell=cell, error=error, whole=True, broken=stage.digest)
        return Ended(cell=cell)

    def _open(self, cell: RunCell) -> OpenSystem[Any]:
        if self._opened is None or self._opened[0] != cell.label:
            self.close()  # before the next one needs its memory
            opened = open_system(cell.system, place=cell.place, cache=cell.cache, listener=self._listener)
            _same_weights(cell.label, opened, cell.weights)
            self._opened = cell.label, opened
        return self._opened[1]


def _same_weights(label: str, opened: OpenSystem[Any], stored: Collection[str]) -> None:
    """Raise HarnessError if results that count were measured with other weights than those that were opened."""
    here = opened.evidence.provenance.weights_sha256
    if here and set(stored) - {here}:
        raise HarnessError(
            f"the weights of {label} are not those whose results are stored: it was trained again, with another "
            "result; measure all of its tasks again with --force"
        )
