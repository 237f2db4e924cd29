"""Unsupervised SimCSE: the recipe, its training text, and its training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from harness.bases import Base
from harness.training.kind import StageJob
from harness.training.trained import DRAW, TrainedStage

if TYPE_CHECKING:
    from harness.training.watch import TrainingWatch


class SimcseStage(TrainedStage):
    """Unsupervised SimCSE (Gao et al. 2021): two dropout views of one sentence are a positive pair.

    The two views differ by the dropout of attention and adapters, for Llama has no hidden dropout.
    """

    kind: Literal["simcse"] = "simcse"
    pools: ClassVar[bool] = True
    scale: float = Field(20.0, gt=0, description="inverse temperature")
    attention_dropout: float = Field(0.3, gt=0, lt=1)

    def embedded(self) -> list[tuple[str, ...]]:
        from harness.mini.corpus import sentences

        return [(text,) for text in sentences(DRAW, self.examples)]

    def check_rows(self, rows: list[tuple[str, ...]], base: Base, seed: int) -> None:
        from harness.training.contrastive import check_batches

        check_batches(self, rows, seed=seed)

    def train(self, rows: list[tuple[str, ...]], job: StageJob, watch: TrainingWatch) -> Any:
        from harness.training.contrastive import train_contrastive

        pairs = [(text, text) for (text,) in rows]
        return train_contrastive(
            self, pairs, job=job, watch=watch, scale=self.scale, attention_dropout=self.attention_dropout
        )
