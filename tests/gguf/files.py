"""Small GGUF files, written by llama.cpp's own library from transformers models, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.conftest import library
from tests.test_families import SMALL

gguf = library("gguf")

ENGLISH = [
    "The old man saw 42 birds in 1987, and they'd flown over the town.\n\n1. A cat sat on the mat.",
    "don't stop  the music; it's  half past seven (7:30), isn't it?",
]
# llama.cpp's name of an architecture, and transformers'.
NAMES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
}


def byte_level(pre: Any) -> Tokenizer:
    """A byte-level BPE of 300 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|end|>", "<|pad|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(ENGLISH, trainer)
    return tokenizer


SMOLLM = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)


def small_model(name: str, **fields: Any) -> Any:
    """A random model of the architecture that llama.cpp calls `name`."""
    model_class = getattr(transformers, NAMES[name])
    torch.manual_seed(0)
    if name == "gemma3":
        fields = {"num_hidden_layers": 6, "sliding_window": 8, "query_pre_attn_scalar": 8} | fields
    if name == "gemma2":
        fields = {"sliding_window": 8, "query_pre_attn_scalar": 8} | fields
    model = model_class(model_class.config_class(**SMALL | {"vocab_size": 300, "tie_word_embeddings": True} | fields))
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if key.endswith(("norm.weight", "bias")):
                weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


def metadata(name: str, config: Any) -> dict[str, Any]:
    """What llama.cpp's converter states of a model, without its tokens."""
    theta = (config.rope_parameters.get("full_attention") or config.rope_parameters)["rope_theta"]
    fields = {
        f"{name}.block_count": config.num_hidden_layers,
        f"{name}.context_length": config.max_position_embeddings,
        f"{name}.embedding_length": config.hidden_size,
        f"{name}.feed_forward_length": config.intermediate_size,
        f"{name}.attention.head_count": config.num_attention_heads,
        f"{name}.attention.head_count_kv": config.num_key_value_heads,
        f"{name}.attention.key_length": config.head_dim,
        f"{name}.attention.value_length": config.head_dim,
        f"{name}.attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        f"{name}.rope.freq_base": float(theta),
    }
    if name.startswith("gemma"):
        fields[f"{name}.attention.sliding_window"] = config.sliding_window
    if name == "gemma2":
        fields |= {
            f"{name}.{key}": float(getattr(config, key))
            for key in ("attn_logit_softcapping", "final_logit_softcapping")
        }
    return fields


def tokens_of(tokenizer: Tokenizer, pre: str) -> dict[str, Any]:
    """What llama.cpp's converter states of a byte-level BPE."""
    raw = tokenizer.get_vocab()
    tokens = sorted(raw, key=raw.__getitem__)
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    import json

    merges = [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in special else 1 for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 0,
        "tokenizer.ggml.padding_token_id": 1,
        "tokenizer.ggml.add_bos_token": False,
    }


def weights_of(name: str, model: Any, *, turned: bool = True) -> dict[str, np.ndarray]:
    """The weights as llama.cpp's converter lays them, by its names."""
    config = model.config
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    found: dict[str, np.ndarray] = {}
    for key, weight in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = weight.float().numpy()
        if name == "llama" and turned and key.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_attention_heads if "q_proj" in key else config.num_key_value_heads
            value = value.reshape(heads, 2, -1, value.shape[-1]).swapaxes(1, 2).reshape(value.shape)
        if name.startswith("gemma") and key.endswith("norm.weight"):
            value = value + 1
        found[names.get_name(key, try_suffixes=(".weight", ".bias"))] = value
    return found


def write_gguf(
    path: Path, name: str, fields: dict[str, Any], weights: dict[str, np.ndarray], quantised: str | None = None
) -> Path:
    """A GGUF file; matrices as wide as a block are `quantised` if that is given."""
    writer = gguf.GGUFWriter(path, name)
    for key, value in fields.items():
        _add(writer, key, value)
    for key, value in weights.items():
        kind = (
            gguf.GGMLQuantizationType[quantised] if quantised and value.ndim == 2 and value.shape[1] % 32 == 0 else None
        )
        if kind is not None:
            value = gguf.quantize(np.ascontiguousarray(value), kind)
        writer.add_tensor(key, np.ascontiguousarray(value), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def written(tokenizer: Tokenizer, name: str = "llama", quantised: str | None = None, **more: Any) -> Path:
    """A small GGUF file in the working directory; `more` changes the model."""
    model = small_model(name, **more)
    fields = metadata(name, model.config) | tokens_of(tokenizer, "smollm")
    return write_gguf(Path("tiny.gguf"), name, fields, weights_of(name, model), quantised)
