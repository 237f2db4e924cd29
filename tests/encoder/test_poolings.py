"""Every pooling, from the recipe to a folder that plain sentence-transformers opens; and what stands around a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from harness.encoder.tokens import tokenise
from harness.errors import HarnessError
from harness.poolings import POOLINGS
from harness.recipes import Recipe
from tests.encoder.test_engine import TEXTS, build

NAMES = [each.name for each in POOLINGS]


def last_state(encoder: Any, text: str) -> np.ndarray:
    """By hand: the state of the last token of `text`, read alone."""
    tokens = encoder.model.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        return encoder.backbone(**tokens).last_hidden_state[0, -1].numpy()


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_the_last_token_is_pooled_packed_and_padded(tiny_base: Path, attention: str) -> None:
    encoder = build(tiny_base, attention=attention, pooling="lasttoken")
    encoder.prove().require()
    wanted = np.stack([last_state(encoder, text) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)
    for side in ("left", "right"):
        encoder.model.tokenizer.padding_side = side
        np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=3), wanted, atol=1e-5)
    np.testing.assert_allclose(encoder.for_mteb().encode([{"text": TEXTS}]), wanted, atol=1e-5)
    assert np.abs(build(tiny_base, attention=attention).encode(TEXTS) - wanted).max() > 1e-2
    words = encoder.word_vectors(["the cat sat"], [(4, 7)])
    np.testing.assert_array_equal(words, build(tiny_base, attention=attention).word_vectors(["the cat sat"], [(4, 7)]))


@pytest.mark.parametrize("pooling", NAMES)
def test_a_saved_folder_pools_the_same_in_plain_sentence_transformers(tiny_base: Path, pooling: str) -> None:
    encoder = build(tiny_base, pooling=pooling)
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu")
    assert plain[-1].pooling_mode == pooling
    texts = [*TEXTS, "", "dog " * 100]
    np.testing.assert_allclose(plain.encode(texts, show_progress_bar=False), encoder.encode(texts), atol=1e-6)


def test_the_last_token_is_that_of_instruction_text_and_suffix(tiny_base: Path) -> None:
    encoder = build(tiny_base, attention="causal", pooling="lasttoken", instruction="saw the bird:", suffix=" on a mat")
    wanted = np.stack([last_state(encoder, f"saw the bird: {text} on a mat") for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)


@pytest.mark.parametrize("instruction", ["", "saw the bird:"])
@pytest.mark.parametrize("cut", [0, 2])
def test_a_suffix_is_never_cut_off_and_a_mean_leaves_it_out(tiny_base: Path, instruction: str, cut: int) -> None:
    tokenizer = build(tiny_base).model.tokenizer
    text, suffix = "the cat sat on the mat", " in the tree"
    whole = tokenizer(f"{instruction} {text}{suffix}" if instruction else f"{text}{suffix}")["input_ids"]
    own, behind = (len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in (text, suffix))

    def read(pooling: str, limit: int) -> Any:
        how = Recipe(attention="causal", pooling=pooling, suffix=suffix)
        return tokenise(tokenizer, [text], limit=limit, how=how, prefix=instruction)

    mean, last = (read(pooling, len(whole) - cut) for pooling in ("mean", "lasttoken"))
    assert mean.ids[0].tolist() == whole[: len(whole) - behind - cut] + whole[-behind:]
    assert mean.pooled[0].tolist() == [0] * (len(whole) - behind - own) + [1] * (own - cut) + [0] * behind
    assert last.pooled[0].all()
    assert mean.cut == ((0,) if cut else ())
    with pytest.raises(HarnessError, match="the suffix ' in the tree' leave"):
        read("mean", len(whole) - own)


def test_the_address_of_a_recipe_names_its_pooling_and_a_suffix_only_if_there_is_one() -> None:
    plain, others = Recipe(attention="causal"), ({"pooling": "lasttoken"}, {"suffix": "x"})
    assert len({plain.digest, *(Recipe(attention="causal", **other).digest for other in others)}) == 3
    assert "suffix" not in plain.model_dump()
    assert plain.model_copy(update={"suffix": "x"}).not_plain.startswith("puts a suffix behind every text")
