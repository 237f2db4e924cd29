"""What an engine is to a run: it decides where cells are carried out, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from harness.run.cells import Ended, RunCell, Worker
from harness.run.open import Listener
from harness.run.plan import RunPlan


class Engine(Protocol):
    """Carries out cells somewhere. `stages` says whether it wants a stage to train as a cell of its own."""

    @property
    def stages(self) -> bool: ...

    def start(self, plan: RunPlan, listener: Listener | None) -> None:
        """Get ready for the cells of `plan`. Raises HarnessError if there is nowhere to carry them out."""

    def choose(self, ready: Collection[RunCell]) -> RunCell | None:
        """The one of `ready` that is to begin now; None if nothing is free, or nothing suits."""

    def submit(self, cell: RunCell) -> None:
        """Begin with `cell`, which was chosen."""

    def wait(self) -> Ended | None:
        """What came of the next cell that ends. None if none has ended, but another may begin."""

    def cancel(self) -> None:
        """End what is at work, and leave no process; also called when all is done."""


class LocalEngine:
    """Carries out one cell after another, in this process."""

    stages = False

    def __init__(self) -> None:
        self._worker = Worker()
        self._cell: RunCell | None = None

    def start(self, plan: RunPlan, listener: Listener | None) -> None:
        self._worker = Worker(listener)

    def choose(self, ready: Collection[RunCell]) -> RunCell | None:
        return next(iter(ready), None) if self._cell is None else None

    def submit(self, cell: RunCell) -> None:
        self._cell = cell

    def wait(self) -> Ended:
        assert self._cell is not None, "a cell was submitted"
        cell, self._cell = self._cell, None
        return self._worker.carry_out(cell)

    def cancel(self) -> None:
        self._worker.close()
