"""What the tests of stages share: recipes and their plans."""

from __future__ import annotations

from harness.bases import Base
from harness.encoder.placement import Placement
from harness.recipes import Recipe
from harness.training import parse_recipe
from harness.training.lineage import PlannedStage, plan_lineage

CPU = Placement(device="cpu", dtype="float32")


def stage(kind: str, **more) -> dict:
    data = "triplets.jsonl" if kind == "supcon" else "text.txt"
    common = {"examples": 60, "steps": 4, "batch_size": 8, "max_length": 16, "learning_rate": 1e-2}
    return {"kind": kind, "data": data, **common, **more}


def recipe(*kinds: str, attention: str = "bidirectional", **more) -> Recipe:
    return parse_recipe({"attention": attention, "stages": [stage(kind, **more) for kind in kinds]})


def plan(base: Base, of: Recipe, seed: int = 0) -> tuple[PlannedStage, ...]:
    return plan_lineage(base, of, seed)
