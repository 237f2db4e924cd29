"""The address of a stage: a hash of everything that decides its weights. Knows no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from harness.bases import Base
from harness.recipes import Recipe
from harness.training.kind import StageKind

# Raise when the training code changes what the same recipe yields.
TRAINING_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """One step of a lineage. Two plans with one digest are the same weights and share them.

    `fingerprint` is that of the training data, or the revision of a published adapter. `whole` is the digest of the
    stage that is trained to its last step.
    """

    stage: StageKind
    recipe: Recipe
    seed: int
    fingerprint: str
    parent: PlannedStage | None
    digest: str
    whole: str

    @property
    def name(self) -> str:
        """How the stage is called in the lineage of a system."""
        return self.stage.name


def plan_lineage(base: Base, recipe: Recipe, seed: int) -> tuple[PlannedStage, ...]:
    """The stages of `recipe` on `base`, first to last, each addressed through its parent.

    Raises HarnessError for training data or an adapter that is not there or does not fit.
    """
    planned: list[PlannedStage] = []
    for stage in recipe.stages:
        assert isinstance(stage, StageKind), "parse_recipe makes every stage an object of its kind"
        if stage.whole().total_steps and not stage.total_steps:
            continue  # it stops before its first step
        parent = planned[-1] if planned else None
        fingerprint = stage.fingerprint(base)
        made_by = {
            "version": TRAINING_VERSION,
            "base": base.revision,
            "parent": parent.digest if parent else None,
            "attention": recipe.attention,
            "weights": recipe.weights,
            "pooling": recipe.pooling,
            **({"leading_token": recipe.leading_token} if recipe.leading_token else {}),
            **({"slots": recipe.slots} if stage.pools and recipe.slots else {}),
        }
        digest, whole = (
            hashlib.sha256(
                json.dumps({**made_by, **each.identity(seed), "data": fingerprint}, sort_keys=True).encode()
            ).hexdigest()
            for each in (stage, stage.whole())
        )
        planned.append(
            PlannedStage(
                stage=stage if digest != whole else stage.whole(),
                recipe=recipe if stage.pools else recipe.before_pooling(),
                seed=seed,
                fingerprint=fingerprint,
                parent=parent,
                digest=digest,
                whole=whole,
            )
        )
    return tuple(planned)
