"""A plan, carried out: its cells are given to an engine, and what comes of each is recorded as it ends.

This process alone writes to the store, whatever the engine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.outcomes import TaskKey
from harness.records import Run
from harness.run.cells import Ended, RunCell, cells_of
from harness.run.claims import Claims
from harness.run.engine import Engine, LocalEngine
from harness.run.open import Evidence, Listener
from harness.run.plan import Failure, RunPlan, lacking, stored
from harness.run.record import record_run, record_task
from harness.training.processes import Processes

if TYPE_CHECKING:
    from harness.store import Store

_ASK_S = 1.0  # between two looks at what other processes have claimed


def execute(
    plan: RunPlan,
    store: Store,
    listener: Listener | None,
    *,
    command: str,
    force: bool = False,
    strict: bool = False,
    engine: Engine | None = None,
) -> tuple[Failure, ...]:
    """Train, prove and measure what is missing. Each task is stored as it ends; a kill loses at most those at work.

    A task that fails, or a system that cannot be trained, opened or proven, does not keep the others from being
    measured: those that failed are returned. With `strict` the first one is raised. `engine` says where it is done
    (None: in this process). Raises HarnessError if the store cannot be written, if the engine has nowhere to work, and
    if none of the systems that were named could be opened.
    """
    if plan.idle:
        return ()
    if Processes.here().size > 1:
        raise HarnessError(
            "harness run works in one process; train with `accelerate launch -m harness train`, then "
            "give `harness run` alone"
        )
    store.ready()
    engine = LocalEngine() if engine is None else engine
    study = _Study(plan=plan, store=store, listener=listener, command=command, force=force, strict=strict)
    going = {cell.number: cell for cell in cells_of(plan, stages=engine.stages)}  # all that have not ended
    ready = {number: cell for number, cell in going.items() if not cell.after}
    waiting = {number: cell for number, cell in going.items() if cell.after}
    elsewhere: dict[int, RunCell] = {}  # what other processes are at work on
    came: Ended | None = None

    def end(cell: RunCell) -> None:
        study.done(going.pop(cell.number))
        if listener is not None:
            listener.ended(cell)
        if cell.stage is not None:  # tasks wait for stages, and for nothing else
            for each in [each for each in waiting.values() if going.keys().isdisjoint(each.after)]:
                ready[each.number] = waiting.pop(each.number)

    try:
        engine.start(plan, listener)
        while going:
            # What went well is recorded while the engine is at work on what comes next.
            cell = None if came is not None and came.error is not None else engine.choose(ready.values())
            if cell is not None:
                del ready[cell.number]
                if not study.claim(cell):
                    elsewhere[cell.number] = cell
                    elsewhere |= {n: ready.pop(n) for n, other in list(ready.items()) if study.leaves(other, cell)}
                elif (left := study.left(cell)) is None:
                    end(cell)
                else:
                    if listener is not None:
                        listener.begun(left)
                    engine.submit(left)
            elif came is not None:
                study.take(came)
                end(came.cell)
                came = None
            elif elsewhere and not ready and study.ask_again(elsewhere, idle=len(going) == len(elsewhere)):
                ready, elsewhere = elsewhere, {}
            else:
                came = engine.wait()
                if came is not None and came.cell.number not in going:  # it came a second time
                    came = None
    finally:
        engine.cancel()
        study.claims.close()
    if study.unopened and True not in study.opened:
        raise study.unopened[0]
    return tuple(study.failed)


@dataclass(kw_only=True)
class _Study:
    """What has come of a plan so far."""

    plan: RunPlan
    store: Store
    listener: Listener | None
    command: str
    force: bool
    strict: bool
    failed: list[Failure] = field(default_factory=list)
    broken: dict[str, HarnessError] = field(default_factory=dict)  # stages by address: none is tried twice
    dropped: set[int] = field(default_factory=set)  # jobs that can go no further
    opened: set[bool] = field(default_factory=set)  # of the systems that were named, and of those brought along
    unopened: list[HarnessError] = field(default_factory=list)
    runs: dict[tuple[int, str], Run] = field(default_factory=dict)
    open_cells: dict[int, int] = field(default_factory=dict)  # tasks of each job that have not ended
    weights: dict[int, frozenset[str]] = field(default_factory=dict)
    read: dict[int, tuple[int, set[TaskKey]]] = field(default_factory=dict)  # Store.changes, and what it held
    begun: set[int] = field(default_factory=set)  # jobs whose tasks are measured here, whoever else does
    asked: float = 0.0  # when it was last looked at what others have claimed

    def __post_init__(self) -> None:
        self.claims = Claims(self.store.path)

    def claim(self, cell: RunCell) -> bool:
        """Whether no other process on this database is about to measure `cell`: now this one is."""
        if cell.task is None or self.force:
            return True
        free = self.claims.take(*self._name(cell))
        if free:
            self.begun.add(cell.job)
        return free

    def leaves(self, other: RunCell, taken: RunCell) -> bool:
        """Whether `other` is left to the process that has claimed `taken`: it has their system open already."""
        return other.job == taken.job and other.task is not None and other.job not in self.begun

    def ask_again(self, elsewhere: dict[int, RunCell], *, idle: bool) -> bool:
        """Whether to try again for what other processes have claimed. Waits if this one is `idle`."""
        if not self.asked and self.listener is not None:
            self.listener.note(f"{len(elsewhere)} results are left; other processes on this database measure them")
        if (pause := self.asked + _ASK_S - time.monotonic()) > 0 and self.asked:
            if not idle:
                return False
            time.sleep(pause)
        self.asked = time.monotonic()
        self.begun |= {cell.job for cell in elsewhere.values()}
        return True

    def left(self, cell: RunCell) -> RunCell | None:
        """`cell` with what is still to be done of it; None if that is nothing, or nothing that can be done."""
        if cell.job in self.dropped and cell.stage is None:
            return None
        if error := next((self.broken[s.digest] for s in cell.lineage if s.digest in self.broken), None):
            self._drop(cell, error)
            return None
        if cell.task is None or self.force:
            return cell
        # Another process may have measured it since the plan was made.
        task = lacking(cell.task, self._done(cell.job))
        if task is None:
            return None
        if cell.job not in self.weights:
            self.weights[cell.job] = self.store.weights(self.plan.jobs[cell.job].record.system_id)
        return replace(cell, task=task, weights=self.weights[cell.job])

    def take(self, ended: Ended) -> None:
        """Record what came of a cell, and tell of it."""
        cell, job = ended.cell, self.plan.jobs[ended.cell.job]
        run = None
        if ended.evidence is not None:
            self.opened.add(job.named)
            run = self._run(cell.job, ended.evidence)
        if ended.error is not None:
            if self.strict:
                raise ended.error
            if ended.broken:
                self.broken[ended.broken] = ended.error
            if ended.evidence is None and ended.whole:
                self._drop(cell, ended.error)
                return
            if ended.whole:
                self.dropped.add(cell.job)
            self._tell(Failure(system=cell.label, task=cell.task.name if cell.task else "", error=ended.error))
            return
        if ended.measured is None or ended.evidence is None or run is None or cell.task is None:
            return
        record_task(self.store, run, ended.evidence, cell.task.info, ended.measured, again=self.force)
        if self.listener is None:
            return
        if ended.measured.cut:
            self.listener.note(f"{cell.what}: {ended.measured.cut}")
        for result in ended.measured.results:
            self.listener.result(cell.label, result)

    def done(self, cell: RunCell) -> None:
        """Note that `cell` has ended; with the last one of a job, that its runs have."""
        if cell.task is None:
            return
        self.claims.release(*self._name(cell))
        left = self.open_cells.setdefault(cell.job, cell.turn[1]) - 1
        self.open_cells[cell.job] = left
        if not left and cell.job not in self.dropped:
            for (number, _), run in self.runs.items():
                if number == cell.job:
                    self.store.finish_run(run.run_id)

    def _done(self, job: int) -> set[TaskKey]:
        """What the store holds of the system of a job; read anew once another process has written."""
        changes = self.store.changes
        if job not in self.read or self.read[job][0] != changes:
            self.read[job] = changes, stored(self.store, self.plan.jobs[job].record, self.plan.place)
        return self.read[job][1]

    def _name(self, cell: RunCell) -> tuple[str, ...]:
        """What a claim on the results of `cell` is called in every process."""
        assert cell.task is not None
        return self.plan.jobs[cell.job].record.system_id, cell.task.name, self.plan.place.device, self.plan.place.dtype

    def _run(self, job: int, evidence: Evidence) -> Run:
        """The run in the store of what `evidence` says: one for each machine that the system was opened on."""
        key = job, evidence.provenance.model_dump_json()
        if key not in self.runs:
            self.runs[key] = record_run(self.store, evidence, suite=self.plan.suite.name, command=self.command)
        return self.runs[key]

    def _drop(self, cell: RunCell, error: HarnessError) -> None:
        """The system of `cell` cannot be opened."""
        if cell.job in self.dropped:
            return
        if self.strict:
            raise error
        self.dropped.add(cell.job)
        self._tell(Failure(system=cell.label, error=error))
        self.unopened += [error] if self.plan.jobs[cell.job].named else []

    def _tell(self, failure: Failure) -> None:
        self.failed.append(failure)
        if self.listener is not None:
            where = f"{failure.system} · {failure.task}" if failure.task else failure.system
            self.listener.note(f"{where}: failed, {failure.reason}")
