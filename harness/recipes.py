"""Recipe: what makes a variant on one base, everything that can change a weight or an embedding."""

from __future__ import annotations

import hashlib
import json
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from harness.text_to_vector import TextToVector


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StageRecipe(Strict):
    """One stage of a recipe. Each kind of stage is a subclass in harness.training with fields of its own.

    `seeded` says whether the training seed can change the weights that the stage makes.
    """

    kind: str
    seeded: ClassVar[bool] = True


class Recipe(TextToVector):
    """What makes a variant, for one base: everything that can change a weight or an embedding.

    `harness.training.parse_recipe` reads one with stages from plain fields.
    """

    weights: Literal["pretrained", "random"] = "pretrained"
    stages: tuple[SerializeAsAny[StageRecipe], ...] = ()

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
