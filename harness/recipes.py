"""Recipe: what makes a variant on one base, everything that can change a weight or an embedding."""

from __future__ import annotations

import hashlib
import json
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

Attention = Literal["causal", "bidirectional"]


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StageRecipe(Strict):
    """One stage of a recipe. Each kind of stage is a subclass in harness.training with fields of its own.

    `seeded` says whether the training seed can change the weights that the stage makes.
    """

    kind: str
    seeded: ClassVar[bool] = True


class Recipe(Strict):
    """What makes a variant, for one base: everything that can change a weight or an embedding.

    `harness.training.parse_recipe` reads one with stages from plain fields.
    """

    attention: Attention
    weights: Literal["pretrained", "random"] = "pretrained"
    pooling: Literal["mean"] = "mean"
    max_length: int = Field(512, ge=4, description="tokens of a text that are read")
    instruction: str | None = Field(
        None, min_length=1, pattern=r"\S", description="stands before every text, not pooled"
    )
    task_instructions: bool = Field(False, description="each mteb task's own instruction stands there instead")
    stages: tuple[SerializeAsAny[StageRecipe], ...] = ()

    @property
    def instructed(self) -> bool:
        """Whether anything stands before a text."""
        return self.instruction is not None or self.task_instructions

    @property
    def seeded(self) -> bool:
        """Whether a training seed can change this recipe's weights."""
        return self.weights == "random" or any(stage.seeded for stage in self.stages)

    @property
    def digest(self) -> str:
        """sha256 of the fields; a recipe without an instruction keeps the address it had before there were any."""
        without = {"instruction": self.instruction is None, "task_instructions": not self.task_instructions}
        fields = self.model_dump(mode="json", exclude={name for name, absent in without.items() if absent})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
