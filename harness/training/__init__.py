"""Training stages: each one addressed by what made it, trained once, shared by the variants that stand on it.

A kind of stage is one file here and its name in STAGES. Importing this package imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Union

from pydantic import Field, create_model

from harness.recipes import Recipe
from harness.training.adapter import AdapterStage
from harness.training.kind import StageKind
from harness.training.mntp import MntpStage
from harness.training.simcse import SimcseStage
from harness.training.supcon import SupconStage

STAGES: tuple[type[StageKind], ...] = (MntpStage, SimcseStage, SupconStage, AdapterStage)
PUBLISHED = frozenset(kind.kind_name() for kind in STAGES if kind.instead_of_training)  # kinds that train nothing

_ANY_STAGE: Any = Annotated[Union[STAGES], Field(discriminator="kind")]  # noqa: UP007  a union of a tuple's members
_PARSED: type[Recipe] = create_model("ParsedRecipe", __base__=Recipe, stages=(tuple[_ANY_STAGE, ...], ()))


def parse_recipe(fields: Mapping[str, Any]) -> Recipe:
    """The recipe with these fields, each of its stages an object of its kind.

    Raises pydantic's ValidationError; a mistake in a stage is at `stages`, number, kind, field.
    """
    parsed = _PARSED.model_validate(fields)
    return Recipe(**{name: getattr(parsed, name) for name in Recipe.model_fields})
