"""Attention received by tokens: against transformers' own weights, plain loops, and models that attend uniformly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXModel, LlamaConfig, LlamaModel

from harness.encoder.attention import set_attention
from harness.encoder.degrees import set_degree
from harness.encoder.received import attention_received
from harness.errors import HarnessError
from harness.text_to_vector import Attention, Degree

LAYERS, HEADS, WIDTH, IDS = 3, 4, 8, [5, 9, 2, 7, 7, 30, 11]


def model(attention: Attention, *, uniform: bool = False) -> Any:
    """A Llama whose heads share keys by twos; with `uniform` its queries are zero."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=HEADS * WIDTH, intermediate_size=48, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=2, initializer_range=0.5,
    )  # fmt: skip
    made = LlamaModel(config).eval()
    set_attention(made, attention)
    for layer in made.layers if uniform else ():
        torch.nn.init.zeros_(layer.self_attn.q_proj.weight)
    return made


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_weights_are_transformers_own_and_norms_are_those_of_plain_loops(attention: Attention) -> None:
    made = model(attention)
    kernel = made.config._attn_implementation
    found = attention_received(made, IDS, name="tiny")
    assert made.config._attn_implementation == kernel
    values: list[torch.Tensor] = []
    for layer in made.layers:
        layer.self_attn.v_proj.register_forward_hook(lambda _, __, out: values.append(out[0]))
    made.set_attn_implementation("eager")
    with torch.inference_mode():
        alphas = made(input_ids=torch.tensor([IDS]), output_attentions=True).attentions
    for number, (alpha, found_value) in enumerate(zip(alphas, values, strict=True)):
        np.testing.assert_allclose(found.raw[number], alpha[0].mean(0).sum(0).numpy(), rtol=1e-5)
        out, value = made.layers[number].self_attn.o_proj.weight.detach(), found_value.clone()
        wanted = torch.zeros(len(IDS))
        for query in range(len(IDS)):
            added = torch.zeros(len(IDS))
            for key in range(len(IDS)):
                for head in range(HEADS):
                    carried = value[key].view(2, WIDTH)[head // 2]
                    given = out[:, head * WIDTH : (head + 1) * WIDTH] @ carried
                    added[key] += (alpha[0, head, query, key] * given).norm()
            wanted += added / added.sum()
        np.testing.assert_allclose(found.weighted[number], wanted.numpy(), rtol=1e-4)


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_uniform_attention_is_what_is_expected_of_what_is_seen(attention: Attention) -> None:
    found = attention_received(model(attention, uniform=True), IDS, name="tiny")
    seen_by = [1.0] * len(IDS)
    if attention == "causal":
        seen_by = [sum(1 / (query + 1) for query in range(key, len(IDS))) for key in range(len(IDS))]
    np.testing.assert_allclose(found.uniform, [seen_by] * LAYERS, rtol=1e-6)
    np.testing.assert_allclose(found.raw, found.uniform, rtol=1e-5)
    assert np.abs(found.weighted - found.uniform).max() > 0.1  # what tokens carry differs
    np.testing.assert_allclose(found.weighted.sum(-1), len(IDS), rtol=1e-6)


def test_a_mask_by_degrees_is_in_force() -> None:
    made = model("bidirectional", uniform=True)
    set_degree(made, Degree(ahead=None, from_layer=2), name="tiny")
    found = attention_received(made, IDS, name="tiny")
    np.testing.assert_allclose(found.raw, found.uniform, rtol=1e-5)
    assert found.uniform[0, 0] > 2.5  # 1 + 1/2 + 1/3 …
    assert found.uniform[1, -1] == pytest.approx(1 / 7)
    np.testing.assert_allclose(found.uniform[2], 1)


def test_what_is_no_llama_is_refused_and_its_kernel_is_put_back() -> None:
    config = GPTNeoXConfig(
        vocab_size=40, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=32
    )
    other = GPTNeoXModel(config).eval()
    kernel = other.config._attn_implementation
    with pytest.raises(HarnessError, match="GPTNeoXAttention is not that of a Llama"):
        attention_received(other, IDS, name="neox")
    assert other.config._attn_implementation == kernel
