"""Recipe: what makes a variant on one base, everything that can change a weight or an embedding."""

from __future__ import annotations

import hashlib
import json
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from harness.text_to_vector import TextToVector


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StageRecipe(Strict):
    """One stage of a recipe. Each kind of stage is a subclass in harness.training with fields of its own.

    `seeded` says whether the training seed can change the weights that the stage makes; `pools`, whether it trains
    embeddings, and so what they are pooled from.
    """

    kind: str
    seeded: ClassVar[bool] = True
    pools: ClassVar[bool] = False

    @property
    def adapts(self) -> bool:
        """Whether the stage changes weights of the base."""
        return True

    @property
    def opens_mask(self) -> bool:
        """Whether the mask changes from causal to bidirectional during the stage."""
        return False


class Recipe(TextToVector):
    """What makes a variant, for one base: everything that can change a weight or an embedding.

    `harness.training.parse_recipe` reads one with stages from plain fields.
    """

    weights: Literal["pretrained", "random"] = "pretrained"
    trained_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="so much of what the stages changed is added to the base's weights; without it all",
    )
    stages: tuple[SerializeAsAny[StageRecipe], ...] = ()

    @model_validator(mode="after")
    def _stages_fit(self) -> Recipe:
        pools = [stage.pools for stage in self.stages]
        if self.slots is not None and self.weights == "random":
            raise ValueError("a card cannot have slots on random weights; take one of the two out")
        if self.slots is not None and pools != sorted(pools):
            raise ValueError("with slots, mntp and adapters stand before simcse and supcon; change the order of stages")
        if self.trained_share is not None and (self.weights == "random" or not self.stages):
            raise ValueError("trained_share needs stages on pretrained weights; take it out")
        for stage in self.stages:
            if stage.opens_mask and self.attention == "causal":
                raise ValueError(f"the {stage.kind} stage has a mask_ramp, which ends at attention: bidirectional")
            if not stage.adapts and not (self.slots is not None and stage.pools):
                raise ValueError(
                    f"the {stage.kind} stage has neither lora nor slots, so it trains nothing; give it lora"
                )
        return self

    def before_pooling(self) -> Self:
        """The same for a stage that trains no embeddings: slots are not there yet."""
        return self.model_copy(update={"slots": None})

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
