"""Recipe: what makes a variant on one base, everything that can change a weight or an embedding."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Attention = Literal["causal", "bidirectional"]
Precision = Literal["float32", "bfloat16"]
Schedule = Literal["linear", "constant"]


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(Strict):
    """Low-rank adapters on every linear layer of the backbone, merged into the weights after the stage."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)


class TrainedStage(Strict):
    """What the stages that train have in common."""

    data: str = Field("mini", min_length=1, description="`mini`, a file, or hub:ORG/NAME@COMMIT/PATH")
    examples: int = Field(ge=2, description="training examples drawn from the data")
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    micro_batch_size: int | None = Field(None, ge=1, description="examples of a batch on the device at once; None: all")
    max_length: int = Field(ge=4, description="tokens")
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Schedule = Field("linear", description="of the learning rate after the warm-up: to 0, or constant")
    precision: Precision = "float32"
    gradient_checkpointing: bool = False
    lora: Lora = Lora()

    @model_validator(mode="after")
    def _batch_divides(self) -> TrainedStage:
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size {self.micro_batch_size} does not divide batch_size {self.batch_size}; take a divisor"
            )
        return self


class MntpStage(TrainedStage):
    """Masked next-token prediction (BehnamGhader et al. 2024, section 2.2).

    With `concatenate` the texts are joined and cut into blocks of `max_length` tokens; without, each text is an
    example of its own.
    """

    kind: Literal["mntp"]
    mask_probability: float = Field(0.2, gt=0, lt=1)
    mask_token: str = Field("_", min_length=1)
    concatenate: bool = False


class SimcseStage(TrainedStage):
    """Unsupervised SimCSE (Gao et al. 2021): two dropout views of one sentence are a positive pair."""

    kind: Literal["simcse"]
    scale: float = Field(20.0, gt=0, description="inverse temperature")
    attention_dropout: float = Field(0.3, gt=0, lt=1)


class SupconStage(TrainedStage):
    """Supervised contrastive training with one hard negative per anchor and in-batch negatives."""

    kind: Literal["supcon"]
    scale: float = Field(50.0, gt=0, description="inverse temperature")


class AdapterStage(Strict):
    """A published LoRA adapter in PEFT format, merged into the weights in place of training.

    `source` is a hub id or a folder. `trained_on` is the base that the adapter's own config names, where that is not
    the base it is merged into. `data` names what it was trained on, as its authors say.
    """

    kind: Literal["adapter"] = "adapter"
    source: str = Field(min_length=1)
    revision: str | None = None
    trained_on: str | None = None
    data: tuple[str, ...] = ()


Stage = Annotated[MntpStage | SimcseStage | SupconStage | AdapterStage, Field(discriminator="kind")]
Trained = Annotated[MntpStage | SimcseStage | SupconStage, Field(discriminator="kind")]

TRAINED_KINDS = frozenset({"mntp", "simcse", "supcon"})
MODELS: tuple[type[BaseModel], ...] = (MntpStage, SimcseStage, SupconStage, AdapterStage, Lora)


class Recipe(Strict):
    """What makes a variant, for one base: everything that can change a weight or an embedding."""

    attention: Attention
    weights: Literal["pretrained", "random"] = "pretrained"
    pooling: Literal["mean"] = "mean"
    max_length: int = Field(512, ge=4, description="tokens of a text that are read")
    instruction: str | None = Field(
        None, min_length=1, pattern=r"\S", description="stands before every text, not pooled"
    )
    task_instructions: bool = Field(False, description="each mteb task's own instruction stands there instead")
    stages: tuple[Stage, ...] = ()

    @property
    def instructed(self) -> bool:
        """Whether anything stands before a text."""
        return self.instruction is not None or self.task_instructions

    @property
    def seeded(self) -> bool:
        """Whether a training seed can change this recipe's weights."""
        return self.weights == "random" or any(stage.kind in TRAINED_KINDS for stage in self.stages)

    @property
    def digest(self) -> str:
        """sha256 of the fields; a recipe without an instruction keeps the address it had before there were any."""
        without = {"instruction": self.instruction is None, "task_instructions": not self.task_instructions}
        fields = self.model_dump(mode="json", exclude={name for name, absent in without.items() if absent})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
