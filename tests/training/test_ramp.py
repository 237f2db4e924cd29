"""The way from the causal to the bidirectional mask while a stage is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from harness.bases import Base
from harness.encoder.attention import prove_mask
from harness.encoder.packing import PACKED, attending, packed_output
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.paths import cache_folder
from harness.text_to_vector import Degree
from harness.training.manifests import read_stage
from harness.training.ramp import WAYS, MaskRamp, RampedMask
from harness.training.stages import train_lineage
from harness.training.watch import Step
from tests.encoder.test_engine import build
from tests.training.kit import CPU, plan, recipe

pytestmark = pytest.mark.usefixtures("texts")


def ramped(by: str, step: int, *, longest: int = 63) -> Any:
    """The mini base, bidirectional, under the mask of step `step` of 20 on a way over 10 of them."""
    encoder = build(checkpoint_folder(), attention="bidirectional")
    mask = RampedMask(MaskRamp(by=by, over=0.5), steps=20, longest=longest, seed=0)
    mask.attach(encoder.backbone, name="mini")
    mask.step = step
    return encoder


@pytest.mark.parametrize(
    ("by", "step", "degree"),
    [
        *((by, 0, Degree(ahead=0)) for by in WAYS),
        ("at_once", 9, Degree(ahead=0)),
        ("window", 5, Degree(ahead=7)),
        ("window", 2, Degree(ahead=1)),
        ("layers", 5, Degree(ahead=None, from_layer=2)),
        ("layers", 9, Degree(ahead=None, from_layer=1)),
    ],
)
@pytest.mark.parametrize("kernel", ["sdpa", PACKED])
def test_a_step_has_the_mask_of_its_degree(by: str, step: int, degree: Degree, kernel: str) -> None:
    encoder = ramped(by, step)
    pad_id = encoder.model.tokenizer.pad_token_id
    proof = prove_mask(
        encoder.backbone, attention="bidirectional", degree=degree, pad_id=pad_id, kernels=(kernel,), batches=(3,)
    )
    proof.require()


@pytest.mark.parametrize("by", WAYS)
def test_at_the_end_the_mask_is_bidirectional(by: str) -> None:
    encoder = ramped(by, 10)
    prove_mask(encoder.backbone, attention="bidirectional", pad_id=encoder.model.tokenizer.pad_token_id).require()


def test_a_drawn_mask_is_the_same_for_a_step_and_another_for_the_next() -> None:
    """About so many of the later tokens are seen as the share says; packed texts see what padded ones see."""
    mask = RampedMask(MaskRamp(by="bernoulli", over=0.5), steps=20, longest=64, seed=1)
    seen = []
    for step in (5, 6, 5):
        mask.step = step
        ahead = mask.ahead(0, 4)
        assert ahead is not None
        assert torch.equal(ahead.seen(64), mask.ahead(3, 4).seen(64))  # type: ignore[union-attr]
        seen.append(ahead.seen(64))
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])
    later = torch.ones(64, 64).triu(1).bool()
    assert seen[0][~later].all()
    assert float(seen[0][later].float().mean()) == pytest.approx(0.5, abs=0.03)

    encoder = ramped("bernoulli", 5)
    texts = [torch.tensor(encoder.model.tokenizer(text)["input_ids"]) for text in ("the old man saw a bird", "a dog")]
    ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    real = torch.nn.utils.rnn.pad_sequence([torch.ones_like(text) for text in texts], batch_first=True)
    with torch.inference_mode():
        padded = encoder.backbone(input_ids=ids, attention_mask=real).last_hidden_state[real.bool()]
        with attending(encoder.backbone, PACKED):
            packed = packed_output(encoder.backbone, texts, layers=False)[0]
    torch.testing.assert_close(packed, padded, atol=1e-5, rtol=1e-4)


def test_a_ramp_makes_another_stage_and_none_makes_the_old_one(base: Base) -> None:
    plain, same, other, third = (
        plan(base, recipe("mntp", **more))[0].digest
        for more in (
            {},
            {"mask_ramp": None},
            {"mask_ramp": {"by": "window"}},
            {"mask_ramp": {"by": "window", "over": 1.0}},
        )
    )
    assert plain == same
    assert len({plain, other, third}) == 3


def test_bad_ramps_are_refused() -> None:
    with pytest.raises(ValidationError, match="no way from one mask to the other is named 'windows'; did you mean win"):
        recipe("mntp", mask_ramp={"by": "windows"})
    with pytest.raises(ValidationError, match="mask_ramp, which ends at attention: bidirectional"):
        recipe("mntp", attention="causal", mask_ramp={"by": "window"})
    with pytest.raises(ValidationError, match="greater than 0"):
        recipe("mntp", mask_ramp={"by": "window", "over": 0})


def losses(base: Base, **more: Any) -> tuple[tuple[int, float], ...]:
    folder = train_lineage(base, plan(base, recipe("mntp", steps=10, **more)), cache=cache_folder(), place=CPU)
    assert folder is not None
    return read_stage(folder).losses


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_until_the_switch_training_is_causal(base: Base, packed: bool) -> None:
    causal = losses(base, attention="causal", packed=packed)
    switched = losses(base, mask_ramp={"by": "at_once", "over": 0.5}, packed=packed)
    assert [step for step, _ in switched] == list(range(1, 11))
    for (_, before), (_, after) in zip(causal[:5], switched[:5], strict=True):
        assert after == pytest.approx(before, rel=1e-5)
    assert switched[5][1] != pytest.approx(causal[5][1], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "by"), [("mntp", "bernoulli"), ("simcse", "bernoulli"), ("supcon", "window")])
def test_a_ramp_cut_off_goes_on_to_the_same_weights(
    base: Base, kind: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(base, recipe(kind, steps=20, mask_ramp={"by": by, "over": 0.9}))

    def die(step: Step) -> None:
        if step.done == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lineage(base, planned, cache=cache_folder(), place=CPU, on_stage=lambda _: die)
    folder = train_lineage(base, planned, cache=cache_folder(), place=CPU)
    monkeypatch.setenv("HARNESS_CACHE", str(Path("another").absolute()))
    direct = train_lineage(base, planned, cache=cache_folder(), place=CPU)
    assert folder is not None
    assert direct is not None
    assert read_stage(folder).weights_sha256 == read_stage(direct).weights_sha256
    assert read_stage(folder).losses == read_stage(direct).losses


def test_a_base_with_sliding_windows_is_refused() -> None:
    encoder = build(checkpoint_folder(), attention="bidirectional")
    encoder.backbone.config.sliding_window = 8
    mask = RampedMask(MaskRamp(by="window"), steps=20, longest=16, seed=0)
    with pytest.raises(HarnessError, match=r"sliding window.*take `mask_ramp` out of the card"):
        mask.attach(encoder.backbone, name="mini")
