"""Who hears how a run goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.outcomes import TaskResult
from harness.training.lineage import PlannedStage

if TYPE_CHECKING:
    from harness.encoder.attention import MaskProof
    from harness.encoder.reader import EncodingProgress
    from harness.training.watch import OnStep


class Listener(Protocol):
    """Hears how a run goes; the command line draws bars from it."""

    def note(self, message: str) -> None: ...
    def stage(self, label: str, planned: PlannedStage) -> OnStep: ...
    def proof(self, label: str, proof: MaskProof) -> None: ...
    def task(self, label: str, name: str, number: int, total: int) -> None: ...
    def reading(self, reading: EncodingProgress) -> None: ...
    def result(self, label: str, result: TaskResult) -> None: ...


Screen: TypeAlias = Callable[[int], AbstractContextManager[Listener]]  # how many results are to come
