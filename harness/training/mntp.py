"""Masked next-token prediction: the recipe, its training text, and the way to its training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from harness.bases import Base
from harness.training.kind import StageJob
from harness.training.trained import DRAW, TrainedStage

if TYPE_CHECKING:
    from harness.training.watch import TrainingWatch


class MntpStage(TrainedStage):
    """Masked next-token prediction (BehnamGhader et al. 2024, section 2.2).

    With `concatenate` the texts are joined and cut into blocks of `max_length` tokens; without, each text is an
    example of its own.
    """

    kind: Literal["mntp"] = "mntp"
    mask_probability: float = Field(0.2, gt=0, lt=1)
    mask_token: str = Field("_", min_length=1)
    concatenate: bool = False

    @property
    def in_order(self) -> bool:
        return self.concatenate

    def embedded(self) -> list[tuple[str, ...]]:
        from harness.mini.corpus import mntp_documents

        return [(text,) for text in mntp_documents(DRAW, self.examples)]

    def check_rows(self, rows: list[tuple[str, ...]], base: Base, seed: int) -> None:
        from harness.encoder.tokenizer import load_tokenizer
        from harness.training.masking import examples_of

        examples_of(self, [text for (text,) in rows], load_tokenizer(base.folder, name=base.name))

    def train(self, rows: list[tuple[str, ...]], job: StageJob, watch: TrainingWatch) -> Any:
        from harness.training.masking import train_mntp

        return train_mntp(self, [text for (text,) in rows], job=job, watch=watch)
