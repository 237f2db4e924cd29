"""The address of a trained stage: a hash of everything that decides its weights. Knows no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from harness.bases import Base
from harness.cards import Recipe, Stage
from harness.training.data import TrainingData

# Raise when the training code changes what the same recipe yields.
TRAINING_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """One step of a lineage. Two plans with one digest are the same training and share its result."""

    stage: Stage
    recipe: Recipe
    seed: int
    data: TrainingData
    data_fingerprint: str
    parent: PlannedStage | None
    digest: str


def plan_lineage(base: Base, recipe: Recipe, seed: int) -> tuple[PlannedStage, ...]:
    """The stages of `recipe` on `base`, first to last, each addressed through its parent."""
    planned: list[PlannedStage] = []
    for stage in recipe.stages:
        parent = planned[-1] if planned else None
        data = TrainingData.of(stage)
        fingerprint = data.fingerprint()
        made_by = {
            "version": TRAINING_VERSION,
            "base": base.revision,
            "parent": parent.digest if parent else None,
            "attention": recipe.attention,
            "weights": recipe.weights,
            "pooling": recipe.pooling,
            "stage": stage.model_dump(mode="json", exclude={"data"}),
            "data": fingerprint,
            "seed": seed,
        }
        digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
        planned.append(
            PlannedStage(
                stage=stage,
                recipe=recipe,
                seed=seed,
                data=data,
                data_fingerprint=fingerprint,
                parent=parent,
                digest=digest,
            )
        )
    return tuple(planned)
