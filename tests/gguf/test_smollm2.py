"""SmolLM2-135M from its package: texts are cut, and English is predicted, as by that model."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from harness.bases import Base, resolve_base
from harness.encoder.opening import open_causal
from harness.encoder.tokenizer import TEXTS, load_tokenizer, prove_tokens
from harness.gguf.sources import NAMED
from tests.conftest import IN_CI, library

pytestmark = pytest.mark.slow
ENGLISH = (
    "A river begins as a small stream in the mountains, where rain and melting snow run down the slopes. As it flows "
    "towards the sea, other streams join it, and it becomes wider and slower. In the valley the river carries sand and "
    "clay, which it leaves on the fields when it floods. For this reason the first farmers settled near rivers. They "
    "built canals to bring water to their crops, and boats to carry grain to the towns. Later, people built mills on "
    "the banks, because the moving water could turn a wheel. Today many rivers have dams, which store water for the "
    "dry months and produce electricity. A dam also changes the river: fish can no longer swim to the places where "
    "they lay their eggs, and less sand reaches the coast."
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    library("gguf")
    if NAMED["smollm2-135m"].installed() is None:
        message = NAMED["smollm2-135m"].install
        pytest.fail(message) if IN_CI else pytest.skip(message)
    cache = tmp_path_factory.mktemp("smollm2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(cache))
        found = resolve_base("smollm2-135m")
    yield found
    shutil.rmtree(cache)  # half a gigabyte


@pytest.fixture(scope="module")
def tokenizer(base: Base) -> Any:
    return load_tokenizer(base.folder, name=base.name)


@pytest.fixture
def model(base: Base) -> Any:
    return open_causal(base.folder, dtype=torch.float32, name=base.name).eval()


def perplexity(model: Any, tokenizer: Any) -> float:
    ids = tokenizer(ENGLISH, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return math.exp(model(input_ids=ids, labels=ids).loss)


def test_its_licence_and_quantisation_are_kept(base: Base) -> None:
    assert base.origin.startswith(
        "weights dequantised from Q4_1 (210), Q8_0 (1); others as stored in F32 (61); SmolLM2"
    )
    assert "Apache License" in (base.folder / "LICENSE").read_text(encoding="utf-8")


def test_digits_are_cut_one_by_one(base: Base, tokenizer: Any) -> None:
    assert prove_tokens(tokenizer, base.folder, name=base.name) == len(TEXTS)
    assert tokenizer.tokenize("\n\n1.") == ["ĊĊ", "1", "."]
    assert tokenizer.tokenize("in 1987") == ["in", "Ġ", "1", "9", "8", "7"]
    roles = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token)
    assert roles == ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def test_it_predicts_english_and_does_not_with_q_and_k_in_another_order(model: Any, tokenizer: Any) -> None:
    right = perplexity(model, tokenizer)
    for layer in model.model.layers:
        for part in (layer.self_attn.q_proj, layer.self_attn.k_proj):
            rows = part.weight.data
            part.weight.data = rows.reshape(-1, 2, 32, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    assert right < 25
    assert perplexity(model, tokenizer) > 100


def test_it_goes_on_with_a_sentence(model: Any, tokenizer: Any) -> None:
    ids = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    said = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)
    assert tokenizer.decode(said[0, ids.shape[1] :]).startswith(" Paris")
