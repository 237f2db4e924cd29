"""Random Llamas of known shapes, for the encoder benchmarks, and a checkpoint as llm2vec reads it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from harness.mini import checkpoint_folder

LIMIT = 512


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A Llama by its widths; weights do not matter for speed."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    head: int | None = None

    @classmethod
    def of(cls, folder: Path) -> Shape:
        """That of the decoder in `folder`."""
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False).get_text_config()
        return cls(
            hidden=config.hidden_size,
            inner=config.intermediate_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            key_heads=config.num_key_value_heads,
            vocabulary=config.vocab_size,
            head=getattr(config, "head_dim", None),
        )

    @property
    def parameters(self) -> int:
        """Numbers in the decoder without an LM head."""
        width = self.head or self.hidden // self.heads
        projections = self.hidden * width * (2 * self.heads + 2 * self.key_heads)
        layer = projections + 3 * self.hidden * self.inner + 2 * self.hidden
        return self.vocabulary * self.hidden + self.layers * layer + self.hidden


def shape_of(name: str, layers: int | None) -> Shape:
    """The shape called `name`, with so many layers only where that is asked."""
    return replace(SHAPES[name], layers=layers) if layers else SHAPES[name]


SHAPES = {
    "small": Shape(hidden=288, inner=768, layers=6, heads=6, key_heads=6, vocabulary=2048),
    "smollm2-135m": Shape(hidden=576, inner=1536, layers=30, heads=9, key_heads=3, vocabulary=49_152),
    "llama-3.2-1b": Shape(hidden=2048, inner=8192, layers=16, heads=32, key_heads=8, vocabulary=128_256),
    "llama-2-7b": Shape(hidden=4096, inner=11_008, layers=32, heads=32, key_heads=32, vocabulary=32_000),
}


def write_checkpoint(
    folder: Path, shape: Shape, *, device: str, dtype: torch.dtype, tokenizer: Path | None = None, seed: int = 0
) -> None:
    """A random Llama of `shape` with the tokenizer of a folder, or of the embedded base."""
    torch.manual_seed(seed)
    words = AutoTokenizer.from_pretrained(tokenizer or checkpoint_folder())
    config = LlamaConfig(
        vocab_size=max(shape.vocabulary, len(words)),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=LIMIT,
        tie_word_embeddings=True,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        dtype=dtype,
    )
    with torch.device(device):
        model = LlamaForCausalLM(config).to(dtype)
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def operations(shape: Shape, lengths: np.ndarray) -> float:
    """Floating-point operations of the matrix products for texts of so many tokens, no padding, every token seeing all.

    A multiplication and an addition count as two; the embedding is a look-up.
    """
    width = shape.head or shape.hidden // shape.heads
    projections = shape.hidden * width * (2 * shape.heads + 2 * shape.key_heads)
    layer = 2.0 * (projections + 3 * shape.hidden * shape.inner) * lengths.sum()
    attention = 4.0 * shape.heads * width * (lengths.astype(float) ** 2).sum()
    return shape.layers * (layer + attention)


def their_base(checkpoint: Path, copy: Path) -> None:
    """A copy of `checkpoint` for transformers 4.44: its names of settings, its form of merges, no chat wrapping."""
    copy.mkdir()
    for weights in checkpoint.glob("*.safetensors*"):
        shutil.copyfile(weights, copy / weights.name)
    config = _read(checkpoint / "config.json")
    rope = config.pop("rope_parameters", None)
    if rope is not None:
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    config["torch_dtype"] = config.pop("dtype", config.get("torch_dtype"))
    config.pop("_name_or_path", None)  # by this name llm2vec decides whether to wrap texts in a chat template
    _write(copy / "config.json", config)
    tokenizer = _read(checkpoint / "tokenizer.json")
    merges = tokenizer["model"].get("merges")
    if merges and not isinstance(merges[0], str):
        tokenizer["model"]["merges"] = [" ".join(pair) for pair in merges]
    _write(copy / "tokenizer.json", tokenizer)
    settings = _read(checkpoint / "tokenizer_config.json")
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}
    _write(copy / "tokenizer_config.json", settings)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
