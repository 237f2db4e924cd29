"""What runs on a machine of the cluster: one process that carries out cells, and says first what it is."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import harness
from harness.engines.wire import Packet, Reason, Reply, Told, pack
from harness.errors import HarnessError, MissingDataError
from harness.provenance import commit, versions
from harness.run.cells import Ended, RunCell, Worker

if TYPE_CHECKING:
    from harness.encoder.mask_proof import MaskProof
    from harness.encoder.reader import EncodingProgress
    from harness.outcomes import TaskResult
    from harness.run.plan import RunPlan
    from harness.store import Store
    from harness.training.lineage import PlannedStage
    from harness.training.watch import OnStep


def at_work() -> list[psutil.Process]:
    """The processes below this one in which a Member carries out a cell, by the title that Ray gives them."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ends while it is looked at
            if process.cmdline()[:1] == [f"ray::{Member.__name__}.{Member.carry_out.__name__}"]:
                found.append(process)
    return found


def facts() -> dict[str, str]:
    """What must be the same on every machine, for their numbers to be compared."""
    here = {"harness": harness.__version__, "commit": commit() or "none", "Python": platform.python_version()}
    return {**here, **versions()}


@dataclass(frozen=True, kw_only=True)
class NodeCheck:
    """What a process must find before its first cell: the `facts` of the command, its folders, its cache, a GPU.

    `here` is the folder that the command was given in, `mark` a file that it has just written to its cache.
    """

    facts: dict[str, str]
    here: Path
    folders: tuple[Path, ...]
    mark: Path
    cuda: bool


@dataclass
class Heard:
    """A Listener that keeps what it hears, for the command to tell."""

    told: list[Told] = field(default_factory=list)

    def begin(self, plan: RunPlan, store: Store) -> None: ...

    def begun(self, cell: RunCell) -> None: ...

    def ended(self, cell: RunCell) -> None: ...

    def note(self, message: str) -> None:
        self.told.append(Told(note=message))

    def stage(self, label: str, planned: PlannedStage) -> OnStep:
        def on_step(step: Any) -> None:
            if step.first and step.done == step.first + 1:
                self.note(
                    f"{label} · {planned.name}: went on after step {step.first}, where an earlier run was stopped"
                )

        return on_step

    def proof(self, label: str, proof: MaskProof) -> None:
        self.told.append(Told(label=label, proof=proof))

    def task(self, label: str, name: str, number: int, total: int) -> None: ...

    def reading(self, reading: EncodingProgress) -> None: ...

    def result(self, label: str, result: TaskResult) -> None: ...


class Member:
    """One process of the cluster, with a GPU of its own where cells need one."""

    def __init__(self) -> None:
        self._heard = Heard()
        self._worker = Worker(self._heard)

    def problem(self, asked: NodeCheck) -> str:
        """Why this process cannot work for the command, in a sentence; empty if it can."""
        here = facts()
        other = [
            f"{name} {here.get(name)}, not {wanted}" for name, wanted in asked.facts.items() if here[name] != wanted
        ]
        if other:
            return f"has other versions than the command ({'; '.join(other)}); use one environment on all nodes"
        if not asked.mark.is_file():
            return (
                f"does not see the cache {asked.mark.parent}; set HARNESS_CACHE to a folder that all nodes share, "
                "because stages that one node trains are opened on another"
            )
        if missing := next((folder for folder in (asked.here, *asked.folders) if not folder.exists()), None):
            return f"has no {missing}; bases, models and data must be at the same place on every node"
        os.chdir(asked.here)
        if asked.cuda:
            import torch

            if not torch.cuda.is_available():
                return "gives a GPU to a cell, but torch sees no CUDA device there; give --device cpu, or mend it"
        return ""

    def carry_out(self, cell: RunCell, *, smaller: bool) -> Packet:
        """What comes of `cell`, packed for its way to the command."""
        return pack(self.work(cell, smaller=smaller))

    def work(self, cell: RunCell, *, smaller: bool) -> Reply:
        """Train the stage of `cell` or measure its task; with `smaller` a pass takes a quarter of the memory."""
        from harness.encoder.budget import TokenBudget

        TokenBudget.divisor = 4 if smaller else 1
        self._heard.told = []
        reason: Reason = ""
        try:
            ended = self._worker.carry_out(cell)
        except Exception as error:
            if not _is_memory(error):
                raise
            said = HarnessError(f"{cell.what} does not fit the memory of the GPU ({_short(error)})")
            broken = cell.stage.digest if cell.stage else ""
            ended, reason = Ended(cell=cell, error=said, whole=cell.task is None, broken=broken), "memory"
        if ended.error is not None:
            met = list(_met(ended.error))
            if any(map(_is_memory, met)):
                reason = "memory"
            elif any(isinstance(each, OSError | MissingDataError) for each in met):
                reason = "data"
            ended = replace(ended, error=ended.error.with_traceback(None))
        return Reply(ended=replace(ended, where=socket.gethostname()), told=tuple(self._heard.told), reason=reason)


def _met(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_memory(error: BaseException) -> bool:
    """Whether it is, or came of, a GPU without room."""
    return any(type(each).__name__ == "OutOfMemoryError" for each in _met(error))


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
