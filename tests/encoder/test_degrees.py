"""The mask by degrees: a token sees so many tokens ahead, in the layers from one on, with every kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.encoder.attention import prove_mask
from harness.encoder.packing import PACKED
from harness.errors import HarnessError, ProofError
from harness.mini import checkpoint_folder
from harness.recipes import Recipe
from harness.text_to_vector import Degree
from tests.encoder.test_engine import build

TEXTS = ["the old man saw a small bird by the river", "a dog runs", "the cat sat", "x"]
KERNELS = ("eager", "sdpa", PACKED)


def proof_of(encoder: Any, degree: Degree, **options: Any) -> Any:
    pad_id = encoder.model.tokenizer.pad_token_id
    return prove_mask(encoder.backbone, attention="bidirectional", degree=degree, pad_id=pad_id, **options)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("ahead", "first"),
    [
        (2, 1),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((0, None), (1, None), (3, None), ("all", 1), ("all", 2), ("all", None))
        ),
    ],
)
def test_a_degree_reaches_exactly_so_far(kernel: str, ahead: int | str, first: int | None) -> None:
    encoder = build(checkpoint_folder(), ahead=ahead, from_layer=first)
    degree = encoder.recipe.degree
    assert degree is not None
    proof_of(encoder, degree, kernels=(kernel,)).require()
    for other in (Degree(ahead=4), Degree(ahead=1, from_layer=1), Degree(ahead=None)):
        if other != degree:
            with pytest.raises(ProofError, match=r"out of its reach|states within reach"):
                proof_of(encoder, other, kernels=(kernel,)).require()


def by_hand(encoder: Any, text: str, ahead: int) -> np.ndarray:
    """The mean state of one text, read with a mask that is written out."""
    ids = torch.tensor([encoder.model.tokenizer(text)["input_ids"]])
    places = torch.arange(ids.shape[1])
    mask = (places[None, :] - places[:, None] <= ahead)[None, None]
    with torch.inference_mode():
        states = encoder.backbone(input_ids=ids, attention_mask=mask).last_hidden_state[0].numpy()
    first = len(encoder.model.tokenizer("")["input_ids"])
    return states[first:].mean(0)


@pytest.mark.parametrize("ahead", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)])
def test_embeddings_are_those_of_the_mask_written_out(ahead: int) -> None:
    found = build(checkpoint_folder(), ahead=ahead)
    plain = build(checkpoint_folder())
    wanted = [by_hand(plain, text, ahead) for text in TEXTS]
    np.testing.assert_allclose(found.encode(TEXTS), wanted, atol=1e-5)
    for side in ("left", "right"):
        found.model.tokenizer.padding_side = side
        np.testing.assert_allclose(found.encode(TEXTS, batch_size=4), wanted, atol=1e-5)
    found.prove().require()


def test_the_ends_are_the_two_masks() -> None:
    for attention in ("causal", "bidirectional"):
        for ahead, same in ((0, "causal"), ("all", "bidirectional")):
            found = build(checkpoint_folder(), attention=attention, ahead=ahead)
            plain = build(checkpoint_folder(), attention=same)
            np.testing.assert_allclose(found.encode(TEXTS), plain.encode(TEXTS), atol=1e-5)
            np.testing.assert_allclose(
                found.word_vectors(["the old man"], [(4, 7)]), plain.word_vectors(["the old man"], [(4, 7)]), atol=1e-5
            )


def test_a_degree_is_for_reading_and_not_for_training() -> None:
    recipe = Recipe(attention="bidirectional", ahead=2, from_layer=1, template="read {text}", layer=1)
    assert recipe.as_trained() == Recipe(attention="bidirectional")
    assert recipe.digest != Recipe(attention="bidirectional").digest
    assert Recipe(attention="bidirectional", ahead=2).not_plain.startswith("sees 2 tokens ahead, which plain")


def test_flex_attention_is_refused() -> None:
    attention = build(checkpoint_folder(), ahead=1).backbone.layers[0].self_attn
    with pytest.raises(HarnessError, match="does not run with flex attention"):
        attention(hidden_states=torch.zeros(1, 2, 256), attention_mask=object())  # its masks are blocks, no tensors


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sliding_window": 8, "use_sliding_window": True}, "layers with a sliding window"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "layers with a sliding window"),
    ],
)
def test_a_model_with_sliding_windows_is_refused(config: dict[str, Any], said: str) -> None:
    from harness.encoder.degrees import set_degree

    encoder = build(checkpoint_folder())
    for name, value in config.items():
        setattr(encoder.backbone.config, name, value)
    with pytest.raises(HarnessError, match=said):
        set_degree(encoder.backbone, Degree(ahead=1), name="it")


def test_bad_degrees() -> None:
    with pytest.raises(HarnessError, match="no layer that comes after layer 9; change `from_layer` in the card"):
        build(checkpoint_folder(), from_layer=9)
    with pytest.raises(ValidationError, match="from_layer needs ahead"):
        Recipe(attention="causal", from_layer=1)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Recipe(attention="causal", ahead=-1)
