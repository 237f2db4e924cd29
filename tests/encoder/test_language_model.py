"""The language model inside an encoder: its losses, its continuations, and the base under its adapters."""

from __future__ import annotations

import contextlib
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.encoder.language_model import LanguageModel, load_causal
from harness.encoder.losses import text_losses
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError
from harness.recipes import Recipe
from tests.adapters import make_lineage

CPU = Placement(device="cpu", dtype="float32")
TEXTS = ("the cat sat on the mat", "a dog", "the old man saw her and ran to the big red tree in the road", "dog")
PROMPTS = [[4, 6, 8], [5, 7, 9]]


def build(checkpoint: Path, base: Path, *adapters: Path, seed: int | None = None, **recipe) -> Encoder:
    return build_encoder(
        checkpoint,
        Recipe(**{"attention": "bidirectional"} | recipe),
        seed=seed,
        place=CPU,
        name="tiny",
        revision="1",
        language_model=base,
        adapters=adapters,
    )


@pytest.fixture(scope="module")
def lineage(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_lineage(tiny_base, tmp_path_factory.mktemp("lineage"))


@pytest.fixture
def trained(tiny_base: Path, lineage: list[Path]) -> LanguageModel:
    return build(lineage[-1], tiny_base, *(stage / "adapter" for stage in lineage)).language_model()


@torch.no_grad()
def naive_nats(model, tokenizer, text: str) -> list[float]:
    """Token after token, each from a forward pass over what stands before it and nothing else."""
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    losses = []
    for place in range(1, len(ids)):
        logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
        losses.append(-math.log(torch.softmax(logits.double(), -1)[ids[place]].item()))
    return losses


def test_losses_equal_a_loop_over_tokens(tiny_base: Path) -> None:
    model = build(tiny_base, tiny_base).language_model()
    found = model.losses(TEXTS)
    plain = AutoModelForCausalLM.from_pretrained(tiny_base)
    naive = [naive_nats(plain, model.tokenizer, text) for text in TEXTS]
    np.testing.assert_allclose(found.nats, [sum(row) for row in naive], rtol=1e-5)
    assert found.tokens.tolist() == [len(row) for row in naive]
    assert found.bytes.tolist() == [len(text) for text in TEXTS]
    np.testing.assert_allclose(found.bits, [sum(row) / math.log(2) for row in naive], rtol=1e-5)
    assert found.cut == 0


def test_long_texts_are_cut_at_the_limit_and_counted(tiny_base: Path) -> None:
    model = build(tiny_base, tiny_base).language_model()
    assert model.limit == 64
    found = text_losses(model.model, model.tokenizer, ["the dög sat on the mat", "dog"], limit=4)
    assert (found.cut, found.tokens.tolist(), found.bytes.tolist()) == (1, [3, 1], [len("the dög sat".encode()), 3])
    with pytest.raises(HarnessError, match="has no token"):
        model.losses(["dog", " "])


def test_the_mask_is_causal_inside_a_bidirectional_encoder(tiny_base: Path) -> None:
    encoder = build(tiny_base, tiny_base)
    before = encoder.encode(TEXTS)
    model = encoder.language_model()
    assert model is encoder.language_model()
    model.losses(TEXTS)
    assert (model.model.config.is_causal, encoder.backbone.config.is_causal) == (True, False)
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
    shared = model.model.base_model.embed_tokens.weight
    assert shared.data_ptr() == encoder.backbone.embed_tokens.weight.data_ptr()


def test_the_head_is_the_bases_even_where_the_weights_are_not(tiny_base: Path) -> None:
    model = build(tiny_base, tiny_base, weights="random", seed=1).language_model()
    plain = load_causal(tiny_base, dtype=torch.float32, device=torch.device("cpu"))
    torch.testing.assert_close(model.model.lm_head.weight, plain.lm_head.weight, rtol=0, atol=0)
    assert not torch.equal(model.model.base_model.embed_tokens.weight, plain.base_model.embed_tokens.weight)
    switched = model.without_adapters(TEXTS)
    assert switched.off is switched.merged


def test_a_mask_that_is_not_causal_is_refused(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = build(tiny_base, tiny_base)

    def backwards(model, attention) -> None:
        model.config.is_causal = False

    monkeypatch.setattr("harness.encoder.language_model.set_attention", backwards)
    with pytest.raises(ProofError, match="the card says causal"):
        encoder.language_model()


def test_without_its_adapters_it_is_the_base_to_the_last_bit(tiny_base: Path, trained: LanguageModel) -> None:
    switched = trained.without_adapters(TEXTS)
    base = build(tiny_base, tiny_base).language_model().losses(TEXTS)
    np.testing.assert_array_equal(switched.off.nats, base.nats)
    np.testing.assert_array_equal(switched.base.nats, base.nats)
    np.testing.assert_allclose(switched.on.nats, switched.merged.nats, rtol=1e-5)
    assert (np.abs(switched.on.nats - base.nats) > 0.01).all()


def test_untrained_weights_are_the_bases(tiny_base: Path) -> None:
    for attention in ("causal", "bidirectional"):
        switched = build(tiny_base, tiny_base, attention=attention).language_model().without_adapters(TEXTS)
        np.testing.assert_array_equal(switched.off.nats, switched.base.nats)


def test_adapters_that_stay_on_are_noticed(trained: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peft.PeftModel.disable_adapter", lambda self: contextlib.nullcontext())
    with pytest.raises(ProofError, match="with the adapters off, the language model differs from the base: 4 of 4"):
        trained.without_adapters(TEXTS)


def test_a_weight_that_moved_is_noticed(tiny_base: Path) -> None:
    encoder = build(tiny_base, tiny_base)
    with torch.no_grad():
        encoder.backbone.norm.weight[0] += 1e-3
    with pytest.raises(ProofError, match="differs from the base"):
        encoder.language_model().without_adapters(TEXTS)


@pytest.mark.slow
def test_adapters_of_another_training_are_noticed(tiny_base: Path, lineage: list[Path]) -> None:
    first, second = (stage / "adapter" for stage in lineage)
    for adapters in ((first,), (second,), (first, first)):
        with pytest.raises(ProofError, match="is not the trained encoder"):
            build(lineage[-1], tiny_base, *adapters).language_model().without_adapters(TEXTS)


def test_an_adapter_saved_on_the_whole_language_model_fits_too(tiny_base: Path, lineage: list[Path]) -> None:
    shutil.copytree(lineage[0] / "adapter", "whole")
    tensors = load_file("whole/adapter_model.safetensors")
    save_file(
        {key.replace("base_model.model.", "base_model.model.model."): tensor for key, tensor in tensors.items()},
        "whole/adapter_model.safetensors",
    )
    build(lineage[-1], tiny_base, Path("whole"), lineage[1] / "adapter").language_model().without_adapters(TEXTS)


def test_a_stage_without_its_adapter_is_told_from_a_broken_one(tiny_base: Path, lineage: list[Path]) -> None:
    model = build(lineage[-1], tiny_base, Path("nowhere")).language_model()
    with pytest.raises(HarnessError, match=r"nowhere holds no adapter_config\.json"):
        model.without_adapters(TEXTS)
    bare = build_encoder(tiny_base, Recipe(attention="causal"), seed=None, place=CPU, name="tiny", revision="1")
    with pytest.raises(HarnessError, match="without its base's folder"):
        bare.language_model()


@torch.no_grad()
def test_greedy_is_the_most_likely_token_again_and_again(trained: LanguageModel) -> None:
    made = trained.continuations(PROMPTS, new_tokens=12)
    eos, bos = trained.tokenizer.eos_token_id, trained.tokenizer.bos_token_id
    for prompt, row in zip(PROMPTS, made.tolist(), strict=True):
        ids = [bos, *prompt]
        for token in row:
            logits = trained.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            logits[eos] = -math.inf
            assert token == int(logits.argmax())
            ids.append(token)


@pytest.mark.slow
def test_samples_follow_the_seed_and_leave_the_generator_alone(tiny_base: Path) -> None:
    models = [build(tiny_base, tiny_base).language_model() for _ in range(2)]
    state = torch.get_rng_state()
    first, again, other = (
        model.continuations(PROMPTS, new_tokens=20, sample_seed=seed)
        for model, seed in ((models[0], 0), (models[1], 0), (models[1], 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != models[0].continuations(PROMPTS, new_tokens=20)).any()
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (2, 20)
    assert models[0].tokenizer.eos_token_id not in first


def test_what_the_bases_generation_config_asks_for_is_left_out(tiny_base: Path) -> None:
    model = build(tiny_base, tiny_base).language_model()
    plain = model.continuations(PROMPTS, new_tokens=20)
    again = build(tiny_base, tiny_base).language_model()
    again.model.generation_config.repetition_penalty = 5.0
    again.model.generation_config.eos_token_id = [1, 2]
    np.testing.assert_array_equal(again.continuations(PROMPTS, new_tokens=20), plain)
    assert again.model.generation_config.repetition_penalty == 5.0
