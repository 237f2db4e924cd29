"""Supervised contrastive training: the recipe, its training text, and its training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from harness.bases import Base
from harness.rows import Columns
from harness.training.kind import StageJob
from harness.training.trained import DRAW, TrainedStage

if TYPE_CHECKING:
    from harness.training.watch import TrainingWatch


class SupconStage(TrainedStage):
    """Supervised contrastive training with one hard negative per anchor and in-batch negatives."""

    kind: Literal["supcon"] = "supcon"
    pools: ClassVar[bool] = True
    columns: ClassVar[Columns] = (("anchor",), ("positive",), ("negative",))
    scale: float = Field(50.0, gt=0, description="inverse temperature")

    def embedded(self) -> list[tuple[str, ...]]:
        from harness.mini.corpus import triplets

        return list(triplets(DRAW, self.examples))

    def check_rows(self, rows: list[tuple[str, ...]], base: Base, seed: int) -> None:
        from harness.training.contrastive import check_batches

        check_batches(self, rows, seed=seed)

    def train(self, rows: list[tuple[str, ...]], job: StageJob, watch: TrainingWatch) -> Any:
        from harness.training.contrastive import train_contrastive

        return train_contrastive(self, rows, job=job, watch=watch, scale=self.scale)
