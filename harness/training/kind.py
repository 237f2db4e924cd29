"""What a kind of stage is: a recipe that names itself, addresses what it makes, and makes it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.bases import Base
from harness.recipes import Recipe, StageRecipe
from harness.stage_record import StageData

if TYPE_CHECKING:
    from harness.encoder.model import Encoder
    from harness.encoder.placement import Placement
    from harness.training.watch import OnStep


@dataclass(frozen=True, kw_only=True)
class StageJob:
    """A planned stage as one process works on it.

    `begin` tells the outside that the stage starts and returns what hears of each step. `start` opens the encoder that
    the stage starts from, in float32, on a device. `scratch` is the folder in which the stage is trained.
    """

    base: Base
    recipe: Recipe
    seed: int
    fingerprint: str
    place: Placement
    scratch: Path
    begin: Callable[[], OnStep | None]
    start: Callable[[str], Encoder]


@dataclass(frozen=True, kw_only=True)
class MadeAdapter:
    """What a stage made: the folder of an adapter in PEFT format, and what the manifest notes of it.

    `losses` are pairs of step and mean loss, `trained` is how many numbers training could change, `tokens` how many
    it read. `texts` is the file with the hashes of the training texts, if any.
    """

    folder: Path
    device: str
    data: StageData
    losses: tuple[tuple[int, float], ...] = ()
    trained: int | None = None
    tokens: int | None = None
    texts: Path | None = None


class StageKind(StageRecipe):
    """A stage of any kind, as a card describes it. Two stages of one identity, data, parent and base are the same."""

    instead_of_training: ClassVar[str | None] = None
    """The name under which a card's `bases` list stages of this kind that replace all stages, so keep one of them."""
    takes_data: ClassVar[bool] = False
    """Whether the kind has a field `data` that names one source of training text."""

    @classmethod
    def kind_name(cls) -> str:
        return str(cls.model_fields["kind"].default)

    @property
    def name(self) -> str:
        """How the stage is called in the lineage of a system."""
        return self.kind

    @property
    @abstractmethod
    def doing(self) -> str:
        """What is done in this stage, for a line on the screen."""

    @property
    def total_steps(self) -> int:
        """Training steps; 0 for a kind that trains nothing."""
        return 0

    def whole(self) -> Self:
        """The same stage, trained to its last step."""
        return self

    @abstractmethod
    def fingerprint(self, base: Base) -> str:
        """What changes whenever the training data or the published weights do.

        Raises HarnessError for data or an adapter that is not there or does not fit.
        """

    @abstractmethod
    def identity(self, seed: int) -> dict[str, Any]:
        """What of the stage decides its weights besides the fingerprint."""

    def check(self, base: Base, seed: int) -> None:
        """Raise HarnessError if the stage cannot be made, as far as that can be known before the one before it is."""

    @abstractmethod
    def make(self, job: StageJob) -> MadeAdapter:
        """Make the adapter of this stage. With several processes, all call this and the first one writes files."""
