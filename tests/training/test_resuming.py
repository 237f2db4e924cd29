"""A training that was cut off, or that stops early, goes on to the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.bases import Base
from harness.paths import cache_folder
from harness.stage_record import StageManifest
from harness.training import parse_recipe
from harness.training.checkpoints import last_checkpoint, mark_complete
from harness.training.lineage import PlannedStage
from harness.training.manifests import read_stage
from harness.training.stages import stage_folder, train_lineage
from harness.training.watch import Step
from tests.training.kit import CPU, plan, recipe, stage

pytestmark = pytest.mark.usefixtures("texts")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse", "supcon", "slots"])
def test_a_stage_cut_off_goes_on_to_the_same_weights(base: Base, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout, masking, batch order, optimiser and loss curve are what they would have been."""
    slots = {"attention": "causal", "slots": 2, "stages": [{**stage("supcon", steps=20), "lora": None}]}
    (planned,) = plan(base, parse_recipe(slots) if kind == "slots" else recipe(kind, steps=20))

    def manifest() -> dict:
        return json.loads((stage_folder(planned, cache_folder()) / "stage.json").read_text())

    def die(step: Step) -> None:
        if step.done == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lineage(base, (planned,), cache=cache_folder(), place=CPU, on_stage=lambda _: die)
    steps: list[Step] = []
    train_lineage(base, (planned,), cache=cache_folder(), place=CPU, on_stage=lambda _: steps.append)
    assert (steps[0].first, steps[0].done) == (12, 13)
    resumed = manifest()
    assert not list(cache_folder().glob("stages/*.part"))
    # As after a kill before the checkpoints were removed.
    left = stage_folder(planned, cache_folder()).with_suffix(".part") / "checkpoint-18"
    left.mkdir(parents=True)
    train_lineage(base, (planned,), cache=cache_folder(), place=CPU)
    assert not left.parent.exists()
    monkeypatch.setenv("HARNESS_CACHE", str(Path("another").absolute()))
    train_lineage(base, (planned,), cache=cache_folder(), place=CPU)
    assert resumed["weights_sha256"] == manifest()["weights_sha256"]
    assert resumed["losses"] == manifest()["losses"]


def test_a_stage_that_stops_early_is_part_of_the_whole_one(base: Base) -> None:
    """0 steps are no stage, all steps are the whole one; each other number is a stage of its own on the same parent."""
    (whole,) = plan(base, recipe("simcse", steps=20))
    assert plan(base, recipe("simcse", steps=20, until=0)) == ()
    (all_of_it,), (half,) = (plan(base, recipe("simcse", steps=20, until=until)) for until in (20, 10))
    assert all_of_it.digest == all_of_it.whole == whole.digest == half.whole != half.digest
    assert all_of_it.stage == whole.stage  # so that the manifest of the whole stage names no step to stop at
    two = plan(base, recipe("mntp", "simcse", steps=20, until=10))
    assert [stage.digest == stage.whole for stage in two] == [False, False]
    assert two[1].parent is two[0]
    with pytest.raises(ValidationError, match="until 21 is behind the last of 20 steps"):
        recipe("simcse", steps=20, until=21)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse", "supcon"])
def test_the_whole_stage_goes_on_from_one_that_stopped(base: Base, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit what it would have been, with as many tokens read."""
    (sooner,), (half,), (whole,) = (
        plan(base, recipe(kind, steps=20, **more)) for more in ({"until": 5}, {"until": 7}, {})
    )

    def make(stage: PlannedStage, steps: list[Step]) -> StageManifest:
        folder = train_lineage(base, (stage,), cache=cache_folder(), place=CPU, on_stage=lambda _: steps.append)
        assert folder is not None
        return read_stage(folder)

    early: list[Step] = []
    late: list[Step] = []
    stopped = make(half, early)
    assert (early[-1].done, early[-1].total) == (7, 7)
    assert stopped.losses[-1][0] == 7
    assert make(half, early) == stopped
    behind: list[Step] = []
    before = make(sooner, behind)
    assert (behind[0].first, behind[-1].done) == (4, 5), "not from a checkpoint behind its last step"
    resumed = make(whole, late)
    assert (late[0].first, late[-1].done) == (7, 20)
    assert before.weights_sha256 not in {stopped.weights_sha256, resumed.weights_sha256}
    assert not list(cache_folder().glob("stages/*.part"))
    monkeypatch.setenv("HARNESS_CACHE", str(Path("another").absolute()))
    direct = make(whole, [])
    assert resumed.weights_sha256 == direct.weights_sha256 != stopped.weights_sha256
    assert resumed.tokens == direct.tokens
    assert 0 < (stopped.tokens or 0) < (direct.tokens or 0)
    assert make(sooner, []).weights_sha256 == before.weights_sha256
    again = make(half, [])  # behind the whole one there is no checkpoint to begin from
    assert again.weights_sha256 == stopped.weights_sha256


def test_a_checkpoint_without_its_marker_is_passed_over() -> None:
    for step in (2, 4, 10):
        Path(f"part/checkpoint-{step}").mkdir(parents=True)
    assert last_checkpoint(Path("part")) is None
    mark_complete(Path("part"), 2)
    mark_complete(Path("part"), 10)
    assert last_checkpoint(Path("part")) == Path("part/checkpoint-10")
