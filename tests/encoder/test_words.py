from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.recipes import Recipe

TEXTS = ["the cat sat on the mat", "a dog", "the cat sat on the mat", "the old man saw her"]
SPANS = [(4, 7), (2, 5), (19, 22), (4, 11)]  # cat, dog, mat, "old man"


@pytest.fixture
def encoder(tiny_base: Path):
    place = Placement(device="cpu", dtype="float32")
    return build_encoder(tiny_base, Recipe(attention="bidirectional"), seed=None, place=place, name="t", revision="1")


def naive(backbone, tokenizer, text: str, span: tuple[int, int]) -> np.ndarray:
    """One text at a time, all layers, by re-reading each token's own characters."""
    tokens = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    offsets = tokens.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        states = backbone(**tokens, output_hidden_states=True).hidden_states
    inside = [i for i, (a, b) in enumerate(offsets) if b > a and set(range(a, b)) & set(range(*span))]
    return np.stack([layer[0, inside].mean(0).numpy() for layer in states])


def test_all_layers_equal_a_naive_reading(encoder) -> None:
    vectors = encoder.word_vectors(TEXTS, SPANS)
    assert vectors.shape == (3, 4, 16)
    for index, (text, span) in enumerate(zip(TEXTS, SPANS, strict=True)):
        expected = naive(encoder.backbone, encoder.model.tokenizer, text, span)
        np.testing.assert_allclose(vectors[:, index], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["stories260K", "babyllama-char105"])
def test_byte_fallback_and_character_tokenizers(shared_data: Path, name: str) -> None:
    folder = shared_data / "models" / name
    place = Placement(device="cpu", dtype="float32")
    encoder = build_encoder(folder, Recipe(attention="causal"), seed=None, place=place, name=name, revision="1")
    texts = ["Once upon a time, there was a zebra.", "Zoë saw 3 ducks!", "A dog."]
    spans = [(30, 35), (0, 3), (2, 5)]
    vectors = encoder.word_vectors(texts, spans)
    backbone, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for index, (text, span) in enumerate(zip(texts, spans, strict=True)):
        np.testing.assert_allclose(vectors[:, index], naive(backbone, tokenizer, text, span), atol=1e-4)


@pytest.mark.parametrize(
    ("text", "span", "sentence"),
    [
        ("a dog", (2, 9), "lies outside its text"),
        ("a dog", (3, 3), "lies outside its text"),
        ("dog " * 200, (796, 799), "is cut off at"),
    ],
)
def test_a_word_that_is_not_there(encoder, text: str, span: tuple[int, int], sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        encoder.word_vectors([text], [span])


def test_no_words_and_unequal_lengths(encoder) -> None:
    with pytest.raises(HarnessError, match="no words"):
        encoder.word_vectors([], [])
    with pytest.raises(HarnessError, match="one span for each text"):
        encoder.word_vectors(["a dog"], [])


def test_first_and_last_token_and_words_that_are_cut_off(encoder) -> None:
    text, span = "the old man saw her", (4, 11)
    first, last, mean = (encoder.word_vectors([text], [span], take=take)[:, 0] for take in ("first", "last", "mean"))
    np.testing.assert_allclose(first, encoder.word_vectors([text], [(4, 7)])[:, 0], atol=1e-6)
    np.testing.assert_allclose(last, encoder.word_vectors([text], [(8, 11)])[:, 0], atol=1e-6)
    np.testing.assert_allclose((first + last) / 2, mean, atol=1e-6)
    both = encoder.word_vectors([text] * 2, [span] * 2, take=["last", "first"])
    np.testing.assert_allclose(both[:, 0], last, atol=1e-6)
    long = encoder.word_vectors(["dog " * 200, "a dog"], [(796, 799), (2, 5)], keep_cut=True)
    assert np.isnan(long[:, 0]).all()
    assert np.isfinite(long[:, 1]).all()
    with pytest.raises(HarnessError, match="2 texts but 1 choices of tokens"):
        encoder.word_vectors([text] * 2, [span] * 2, take=["last"])
