from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.recipes import Recipe

CPU = Placement(device="cpu", dtype="float32")
TEXTS = ["the cat sat on the mat", "a dog", "the old man saw her and ran to the big red tree", "dog"]


def build(folder: Path, seed: int | None = None, **recipe) -> Encoder:
    fields = {"attention": "bidirectional"} | recipe
    return build_encoder(folder, Recipe(**fields), seed=seed, place=CPU, name="tiny", revision="1")


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_embedding_is_the_mean_of_the_last_states_without_bos(tiny_base: Path, attention: str) -> None:
    encoder = build(tiny_base, attention=attention)
    embeddings = encoder.encode(TEXTS)
    for text, embedding in zip(TEXTS, embeddings, strict=True):
        tokens = encoder.model.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = encoder.backbone(**tokens).last_hidden_state[0]
        assert tokens["input_ids"][0, 0] == encoder.model.tokenizer.bos_token_id
        np.testing.assert_allclose(embedding, states[1:].mean(0).numpy(), atol=1e-5)


@pytest.mark.slow  # another interpreter; tests/export does the same from what is exported
def test_a_saved_variant_opens_in_plain_sentence_transformers(tiny_base: Path) -> None:
    encoder = build(tiny_base)
    encoder.save(Path("saved"))
    script = (
        "import sys, numpy as np; from sentence_transformers import SentenceTransformer; "
        "model = SentenceTransformer('saved', device='cpu'); assert 'harness' not in sys.modules; "
        f"np.save('plain.npy', model.encode({TEXTS!r}))"
    )
    # -P and the empty working folder keep this project off the other interpreter's path
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", script], check=True, capture_output=True)
    np.testing.assert_allclose(np.load("plain.npy"), encoder.encode(TEXTS), atol=1e-6)


def test_the_two_masks_differ_and_the_switch_is_in_the_saved_config(tiny_base: Path) -> None:
    causal, bidirectional = build(tiny_base, attention="causal"), build(tiny_base)
    assert np.abs(causal.encode(TEXTS) - bidirectional.encode(TEXTS)).max() > 1e-3
    bidirectional.save(Path("saved"))
    assert SentenceTransformer("saved", device="cpu")[0].model.config.is_causal is False


def test_random_weights_follow_the_seed(tiny_base: Path) -> None:
    first, again, other = (build(tiny_base, weights="random", seed=seed).encode(TEXTS) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - build(tiny_base).encode(TEXTS)).max() > 1e-3


def test_an_empty_text_has_an_embedding(tiny_base: Path) -> None:
    assert np.isfinite(build(tiny_base).encode(["", "dog"])).all()


def test_length_limit_is_the_smaller_of_card_and_model(tiny_base: Path) -> None:
    assert build(tiny_base, max_length=512).model.max_seq_length == 64
    assert build(tiny_base, max_length=8).model.max_seq_length == 8


def test_every_system_has_a_name_of_its_own_in_mteb(tiny_base: Path) -> None:
    meta = build(tiny_base).for_mteb().mteb_model_meta
    assert (meta.name, meta.revision) == ("harness/tiny", "1")


@pytest.mark.parametrize(("device", "dtype"), [("tpu", "auto"), ("auto", "int3"), ("cuda", "auto")])
def test_a_place_that_is_not_there(device: str, dtype: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        assert Placement.choose(device, dtype).dtype == "bfloat16"
        return
    with pytest.raises(HarnessError):
        Placement.choose(device, dtype)
