"""The address of a stage: a hash of everything that decides its weights. Knows no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from harness.bases import Base
from harness.recipes import AdapterStage, Recipe, Stage
from harness.training.adapters import find_adapter
from harness.training.data import TrainingData

# Raise when the training code changes what the same recipe yields.
TRAINING_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """One step of a lineage. Two plans with one digest are the same weights and share them.

    `fingerprint` is that of the training data, or the revision of a published adapter, which has no `data` here.
    """

    name: str
    stage: Stage
    recipe: Recipe
    seed: int
    data: TrainingData | None
    fingerprint: str
    parent: PlannedStage | None
    digest: str


def plan_lineage(base: Base, recipe: Recipe, seed: int) -> tuple[PlannedStage, ...]:
    """The stages of `recipe` on `base`, first to last, each addressed through its parent.

    Raises HarnessError for training data or an adapter that is not there or does not fit.
    """
    planned: list[PlannedStage] = []
    for stage in recipe.stages:
        parent = planned[-1] if planned else None
        if isinstance(stage, AdapterStage):
            data, fingerprint = None, find_adapter(stage, base).revision
        else:
            data = TrainingData.of(stage)
            fingerprint = data.fingerprint()
        made_by = {
            "version": TRAINING_VERSION,
            "base": base.revision,
            "parent": parent.digest if parent else None,
            "attention": recipe.attention,
            "weights": recipe.weights,
            "pooling": recipe.pooling,
            **_identity(stage, seed),
            "data": fingerprint,
        }
        planned.append(
            PlannedStage(
                name=_name(stage),
                stage=stage,
                recipe=recipe,
                seed=seed,
                data=data,
                fingerprint=fingerprint,
                parent=parent,
                digest=hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest(),
            )
        )
    return tuple(planned)


def _identity(stage: Stage, seed: int) -> dict[str, Any]:
    """What of the stage decides the weights: an adapter is its revision, whatever the seed."""
    if isinstance(stage, AdapterStage):
        return {"stage": stage.kind}
    return {"stage": stage.model_dump(mode="json", exclude={"data"}), "seed": seed}


def _name(stage: Stage) -> str:
    if isinstance(stage, AdapterStage):
        return f"adapter {stage.source.rstrip('/').rpartition('/')[2]}"
    return stage.kind
