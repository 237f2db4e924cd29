"""Packed states are the padded ones, for each architecture that is packed; what is not proven is padded."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch.nn.attention import varlen

from harness.encoder import packing
from harness.encoder import reader as reader_module
from harness.encoder.attention import prove_mask, set_attention
from harness.encoder.model import build_encoder
from harness.encoder.packing import PACKED, PROVEN_TYPES, VARLEN, attending, lay_out, packed_output
from harness.encoder.placement import Placement
from harness.encoder.reader import Pass, Reader
from harness.errors import HarnessError, ProofError
from harness.recipes import Recipe
from harness.text_to_vector import Attention

# Two threads add in another order, and the states of these wide draws are large
pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {
    "vocab_size": 80,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
LENGTHS = (3, 12, 7, 1, 7, 12, 2, 7)
LIMIT = 16
TOKENIZER = SimpleNamespace(pad_token_id=0, padding_side="right")


def decoder(kind: str, attention: Attention, **settings: Any) -> Any:
    config = transformers.AutoConfig.for_model(kind, **SMALL | settings)
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(config).eval()
    set_attention(model, attention)
    return model


def texts(lengths: tuple[int, ...] = LENGTHS) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(1, 80, length) for length in lengths]


def states(reader: Reader, ids: list[np.ndarray], **how: Any) -> tuple[list[np.ndarray], int]:
    """Of each text, the states of all layers (L+1, T, D); and how many passes it took."""
    found: list[np.ndarray] = [np.empty(0)] * len(ids)
    passes: list[Pass] = []

    def use(done: Pass) -> None:
        passes.append(done)
        stacked = torch.stack(done.states).numpy()
        for row, start, length in zip(done.rows, done.starts, done.lengths, strict=True):
            found[row] = stacked[:, start : start + length]

    reader.read(ids, use, layers=True, **how)
    return found, len(passes)


def gap(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("kind", sorted(PROVEN_TYPES))
def test_packed_is_padded_and_alone(kind: str, attention: Attention) -> None:
    reader = Reader(decoder(kind, attention, sliding_window=LIMIT), TOKENIZER, limit=LIMIT)
    assert reader.padded_because == ""
    packed, passes = states(reader, texts())
    assert passes == 1
    padded, _ = states(reader, texts(), batch_size=3)
    alone, _ = states(reader, texts(), batch_size=1)
    assert gap(packed, padded) < 1e-5
    assert gap(packed, alone) < 1e-5
    other = decoder(kind, "causal" if attention == "bidirectional" else "bidirectional", sliding_window=LIMIT)
    assert gap(packed, states(Reader(other, TOKENIZER, limit=LIMIT), texts())[0]) > 1e-2


@pytest.mark.parametrize(
    ("kind", "settings", "because"),
    [
        ("gemma2", {}, "packing is not proven for gemma2"),
        ("gemma3_text", {}, "packing is not proven for gemma3_text"),
        ("mistral", {"sliding_window": 8}, "a sliding window of 8 tokens is narrower than a text of 16"),
        ("llama", {"attn_implementation": "eager"}, "the attention kernel is eager"),
    ],
)
def test_what_is_not_proven_is_padded(kind: str, settings: dict[str, Any], because: str) -> None:
    reader = Reader(decoder(kind, "bidirectional", **settings), TOKENIZER, limit=LIMIT)
    assert reader.padded_because == because
    assert reader.kernel == reader.backbone.config._attn_implementation
    by_tokens, _ = states(reader, texts())
    alone, _ = states(reader, texts(), batch_size=1)
    assert gap(by_tokens, alone) < 1e-5


def test_a_packed_kernel_refuses_what_it_does_not_do() -> None:
    ids = [torch.from_numpy(text) for text in texts()]
    narrow = decoder("mistral", "causal", sliding_window=8)
    with attending(narrow, PACKED), pytest.raises(HarnessError, match="no sliding window"):
        packed_output(narrow, ids, layers=False)
    llama = decoder("llama", "causal")
    with attending(llama, PACKED), pytest.raises(HarnessError, match="need the layout"):
        llama(ids[0][None])
    assert llama.config._attn_implementation == "sdpa"


def test_layout_of_neighbours_of_one_length() -> None:
    layout, positions = lay_out([3, 2, 2, 1], causal=True, device=torch.device("cpu"))
    assert layout.groups == ((0, 1, 3), (3, 2, 2), (7, 1, 1))
    assert layout.bounds.tolist() == [0, 3, 5, 7, 8]
    assert positions.tolist() == [[0, 1, 2, 0, 1, 0, 1, 0]]


def by_definition(query: Any, key: Any, value: Any, bounds: Any, bounds_k: Any, longest: int, _: int, **options: Any):
    """torch's variable-length attention, text by text: (T, H, E) of what its documentation says."""
    assert bounds is bounds_k
    assert options["window_size"] in {(-1, 0), (-1, -1)}
    out = torch.empty_like(query)
    for start, end in itertools.pairwise(bounds.tolist()):
        assert end - start <= longest
        q, k, v = (part[start:end].transpose(0, 1)[None] for part in (query, key, value))
        out[start:end] = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, scale=options["scale"], is_causal=options["window_size"] == (-1, 0), enable_gqa=True
        )[0].transpose(0, 1)
    return out


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_variable_length_attention_is_called_as_it_is_defined(
    attention: Attention, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs a GPU; here its definition stands in for it, and its own shape check sees the same arguments."""
    reader = Reader(decoder("llama", attention), TOKENIZER, limit=LIMIT)
    real, seen = varlen.varlen_attn, []

    def spied(*arguments: Any, **options: Any) -> Any:
        meta = [part.to("meta") if isinstance(part, torch.Tensor) else part for part in arguments]
        seen.append(real(*meta, **options).shape == arguments[0].shape)
        return by_definition(*arguments, **options)

    monkeypatch.setattr(varlen, "varlen_attn", spied)
    monkeypatch.setattr(reader_module, "packed_kernel", lambda backbone: VARLEN)
    at_once, _ = states(reader, texts())
    alone, _ = states(reader, texts(), batch_size=1)
    assert seen == [True, True]
    assert gap(at_once, alone) < 1e-5


def test_a_torch_without_grouped_keys_gets_as_many_keys_as_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch 2.11's has no `enable_gqa`."""
    reader = Reader(decoder("llama", "causal"), TOKENIZER, limit=LIMIT)
    alone, _ = states(reader, texts(), batch_size=1)

    def older(q: Any, k: Any, v: Any, cu_q: Any, cu_k: Any, most_q: int, most_k: int, *, scale: Any, window_size: Any):
        assert q.shape == k.shape == v.shape
        return by_definition(q, k, v, cu_q, cu_k, most_q, most_k, scale=scale, window_size=window_size)

    monkeypatch.setattr(varlen, "varlen_attn", older)
    monkeypatch.setattr(packing, "_varlen_groups", cache(packing._varlen_groups.__wrapped__))
    monkeypatch.setattr(reader_module, "packed_kernel", lambda backbone: VARLEN)
    at_once, _ = states(reader, texts())
    assert gap(at_once, alone) < 1e-5


@pytest.mark.gpu
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_variable_length_attention_on_a_gpu(attention: Attention) -> None:
    model = decoder("llama", attention).to("cuda", torch.bfloat16)
    reader = Reader(model, TOKENIZER, limit=LIMIT)
    assert reader.kernel == VARLEN
    prove_mask(model, attention=attention, pad_id=0, kernels=(VARLEN, PACKED)).require()


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_the_proof_sees_texts_that_see_each_other(attention: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    model = decoder("llama", attention)
    proof = prove_mask(model, attention=attention, pad_id=0, kernels=(PACKED,)).require()
    assert [(check.kernel, check.batch, check.padding) for check in proof.checks] == [
        (PACKED, 1, "none"),
        (PACKED, 8, "none"),
    ]
    real = packing.lay_out

    def one_text(lengths: Any, **options: Any) -> Any:
        _, positions = real(lengths, **options)
        return real([sum(lengths)], **options)[0], positions

    monkeypatch.setattr(packing, "lay_out", one_text)
    with pytest.raises(ProofError, match=rf"kernel {PACKED}, batch 8"):
        prove_mask(model, attention=attention, pad_id=0, kernels=(PACKED,)).require()


def test_a_saved_model_names_no_kernel_of_ours(tiny_base: Path) -> None:
    place = Placement(device="cpu", dtype="float32")
    encoder = build_encoder(
        tiny_base, Recipe(attention="bidirectional"), seed=None, place=place, name="tiny", revision="1"
    )
    assert encoder.describe() == {"kernel": PACKED, "layout": "packed"}
    encoder.encode(["a dog", "the cat sat"])
    assert encoder.backbone.config._attn_implementation == "sdpa"
    encoder.save(Path("saved"))
    saved = json.loads(Path("saved/config.json").read_text())
    assert "packed" not in json.dumps(saved)
    assert saved["is_causal"] is False


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("name", ["stories260K", "babyllama-char105"])
def test_real_checkpoints_packed_and_padded(shared_data: Path, name: str, attention: Attention) -> None:
    place = Placement(device="cpu", dtype="float32")
    folder = shared_data / "models" / name
    encoder = build_encoder(folder, Recipe(attention=attention), seed=None, place=place, name=name, revision="1")
    story = "Once upon a time, there was a little girl who lived near the sea. She went to the shore every day. "
    read = [story[: 1 + 7 * i] for i in range(40)] + [story * i for i in (1, 2, 5)]
    packed, padded = encoder.encode(read), encoder.encode(read, batch_size=8)
    plain = encoder.model.encode(read, batch_size=32, show_progress_bar=False)
    assert np.abs(packed - padded).max() < 1e-5
    assert np.abs(packed - plain).max() < 1e-5
