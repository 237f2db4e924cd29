"""Metadata of a GGUF file ─▶ the fields of config.json, and which weight is which.

A field of the file that is not known here could change what the model computes, so it is refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.gguf.reading import GgufFile

EMBED, OUTPUT, ROPE_FACTORS = "token_embd.weight", "output.weight", "rope_freqs.weight"
_NORM = "output_norm.weight"
_LAYER = re.compile(r"blk\.(?P<layer>[0-9]+)\.(?P<part>[a-z_]+)\.(?P<kind>weight|bias)")
_LINEAR = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
}
_TWO_NORMS = {**_LINEAR, "ffn_norm": "post_attention_layernorm"}
_FOUR_NORMS = {
    **_LINEAR,
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_QK_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
_TOP = {EMBED: "model.embed_tokens.weight", _NORM: "model.norm.weight", OUTPUT: "lm_head.weight"}
# What every architecture may state; each is read below, or says nothing that the shapes do not.
_KNOWN = frozenset(
    {
        *("block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size"),
        *("attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.value_length"),
        *("attention.layer_norm_rms_epsilon", "attention.causal", "rope.freq_base", "rope.dimension_count"),
        *("rope.scaling.type", "pooling_type"),
    }
)


@dataclass(frozen=True, kw_only=True)
class GgufArchitecture:
    """An architecture as llama.cpp writes it.

    `parts` are the weights of a layer, by llama.cpp's name. `turned`: the rows of q and k stand in another order.
    `raised`: norms are stored one higher. `biased` parts may have a bias. `known` fields besides the common ones.
    """

    architecture: str
    model_type: str
    parts: Mapping[str, str]
    turned: bool = False
    raised: bool = False
    biased: tuple[str, ...] = ()
    known: frozenset[str] = field(default=frozenset())


GGUF_ARCHITECTURES = {
    "llama": GgufArchitecture(architecture="LlamaForCausalLM", model_type="llama", parts=_TWO_NORMS, turned=True),
    "qwen2": GgufArchitecture(
        architecture="Qwen2ForCausalLM", model_type="qwen2", parts=_TWO_NORMS, biased=("attn_q", "attn_k", "attn_v")
    ),
    "qwen3": GgufArchitecture(architecture="Qwen3ForCausalLM", model_type="qwen3", parts=_TWO_NORMS | _QK_NORMS),
    "gemma2": GgufArchitecture(
        architecture="Gemma2ForCausalLM",
        model_type="gemma2",
        parts=_FOUR_NORMS,
        raised=True,
        known=frozenset({"attention.sliding_window", "attn_logit_softcapping", "final_logit_softcapping"}),
    ),
    "gemma3": GgufArchitecture(
        architecture="Gemma3ForCausalLM",
        model_type="gemma3_text",
        parts=_FOUR_NORMS | _QK_NORMS,
        raised=True,
        known=frozenset({"attention.sliding_window", "rope.freq_base_swa"}),
    ),
}
# Of llama.cpp's many, those that a user is likely to give, and what to do instead.
_OTHERS = {
    "clip": "the image part of a vision model",
    **dict.fromkeys(
        ("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "gemma-embedding", "modern-bert"),
        "an embedding model, no causal language model",
    ),
}
# llama.cpp scales the attention of these by embedding width and heads, not by the width of a head (Gemma's 27B).
_WIDE = {"gemma2": 46, "gemma3": 62}
_LLAMA3_CONTEXT = 8192


def architecture_of(file: GgufFile) -> GgufArchitecture:
    """The architecture of `file`, if its weights can be put into a transformers model. Raises HarnessError if not."""
    name = file.text("general.architecture")
    known = GGUF_ARCHITECTURES.get(name)
    if known is None:
        what = _OTHERS.get(name, "an architecture that is not supported")
        raise HarnessError(
            f"{file.name} is {name!r}, {what}; supported GGUF architectures: {', '.join(sorted(GGUF_ARCHITECTURES))}"
        )
    if file.metadata.get(f"{name}.pooling_type", 0) or file.metadata.get(f"{name}.attention.causal", True) is not True:
        raise HarnessError(
            f"{file.name} is an embedding model, no causal language model (it names a pooling or has no causal mask); "
            "measure its original with --model"
        )
    if (parts := file.metadata.get("split.count", 1)) != 1:
        raise HarnessError(f"{file.name} is one of {parts} parts of a model; join them with llama-gguf-split --merge")
    stated = {key.removeprefix(f"{name}.") for key in file.metadata if key.startswith(f"{name}.")}
    if unknown := sorted(stated - _KNOWN - known.known):
        raise HarnessError(
            f"{file.name} states {name}.{unknown[0]}, which the conversion does not know and which may change what the "
            "model computes; give the original checkpoint in safetensors"
        )
    return known


def weight_name(file: GgufFile, tensor: str, known: GgufArchitecture) -> str | None:
    """What transformers calls `tensor`; None for one that goes into config.json. Raises HarnessError if unknown."""
    if tensor == ROPE_FACTORS:
        return None
    if tensor in _TOP:
        return _TOP[tensor]
    match = _LAYER.fullmatch(tensor)
    if match is None or match["part"] not in known.parts or (match["kind"] == "bias") > (match["part"] in known.biased):
        raise HarnessError(
            f"{file.name} has a weight {tensor}, which a {known.architecture} does not have; give the original "
            "checkpoint in safetensors"
        )
    if int(match["layer"]) >= (layers := file.number(f"{file.text('general.architecture')}.block_count")):
        raise HarnessError(f"{file.name} has a layer {match['layer']} and says that it has {layers}; fetch it again")
    return f"model.layers.{match['layer']}.{known.parts[match['part']]}.{match['kind']}"


def config_of(file: GgufFile, known: GgufArchitecture) -> dict[str, Any]:
    """The fields of config.json. Raises HarnessError where the file states what a transformers config cannot."""
    name = file.text("general.architecture")
    layers = range(file.number(f"{name}.block_count"))
    wanted = [EMBED, _NORM, *(f"blk.{layer}.{part}.weight" for layer in layers for part in known.parts)]
    if missing := [tensor for tensor in wanted if tensor not in file.tensors]:
        raise HarnessError(
            f"{file.name} lacks the weight {missing[0]} ({len(missing)} are missing); fetch another GGUF file of the "
            "model"
        )
    width, heads = file.number(f"{name}.embedding_length"), file.number(f"{name}.attention.head_count")
    head = file.number(f"{name}.attention.key_length", width // max(heads, 1))
    for key in ("attention.value_length", "rope.dimension_count"):
        if (found := file.number(f"{name}.{key}", head)) != head:
            raise HarnessError(
                f"{file.name} states {name}.{key} = {found} where its heads are {head} wide, which a "
                f"{known.architecture} cannot have; give the original checkpoint in safetensors"
            )
    roles = {"bos_token_id": "bos_token_id", "eos_token_id": "eos_token_id", "padding_token_id": "pad_token_id"}
    return {
        "architectures": [known.architecture],
        "model_type": known.model_type,
        "vocab_size": file.tensors[EMBED].shape[0],
        "hidden_size": width,
        "intermediate_size": file.number(f"{name}.feed_forward_length"),
        "num_hidden_layers": len(layers),
        "num_attention_heads": heads,
        "num_key_value_heads": file.number(f"{name}.attention.head_count_kv", heads),
        "head_dim": head,
        "max_position_embeddings": file.number(f"{name}.context_length"),
        "rms_norm_eps": file.real(f"{name}.attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": OUTPUT not in file.tensors,
        **{role: file.metadata.get(f"tokenizer.ggml.{key}") for key, role in roles.items()},
        **_rope(file, name, head),
        **_gemma(file, name, width, heads, head),
    }


def _gemma(file: GgufFile, name: str, width: int, heads: int, head: int) -> dict[str, Any]:
    """What Gemma 2 and 3 have of their own. The file leaves out some of it, which is the same in all of them."""
    if name not in _WIDE:
        return {}
    wide = file.number(f"{name}.block_count") == _WIDE[name]
    fields: dict[str, Any] = {
        "query_pre_attn_scalar": width // heads if wide else head,
        "sliding_window": file.number(f"{name}.attention.sliding_window"),
        "hidden_activation": "gelu_pytorch_tanh",
    }
    if name == "gemma2":
        for key in ("attn_logit_softcapping", "final_logit_softcapping"):
            fields[key] = file.real(f"{name}.{key}")
    return fields


def _rope(file: GgufFile, name: str, head: int) -> dict[str, Any]:
    """How positions are rotated. Scaling is refused, but for that of Llama 3, which is a table in the file."""
    theta = file.real(f"{name}.rope.freq_base", 10000.0)
    if (scaling := file.text(f"{name}.rope.scaling.type", "none")) != "none":
        raise HarnessError(
            f"{file.name} scales its positions ({name}.rope.scaling.type = {scaling}), which the conversion does not "
            "know; give the original checkpoint in safetensors"
        )
    whole: dict[str, Any] = {"rope_type": "default", "rope_theta": theta}
    if ROPE_FACTORS in file.tensors:
        whole = _llama3(file, theta, head)
    if name == "gemma3":
        local = {"rope_type": "default", "rope_theta": file.real(f"{name}.rope.freq_base_swa", 10000.0)}
        return {"rope_parameters": {"full_attention": whole, "sliding_attention": local}}
    return {"rope_parameters": whole}


def _llama3(file: GgufFile, theta: float, head: int) -> dict[str, Any]:
    """The scaling of Llama 3.1 to 3.3, whose table is in the file. Any other table is refused."""
    stored = file.tensors[ROPE_FACTORS].numbers().astype(np.float64)
    factor, low, high = float(stored.max()), 1.0, 4.0
    lengths = 2 * math.pi * theta ** (np.arange(0, head, 2) / head)
    smooth = np.clip((_LLAMA3_CONTEXT / lengths - low) / (high - low), 0, 1)
    wanted = 1 / ((1 - smooth) / factor + smooth)
    if stored.shape != wanted.shape or not np.allclose(stored, wanted, rtol=1e-4):
        raise HarnessError(
            f"{file.name} scales its positions by a table ({ROPE_FACTORS}) that is not that of Llama 3; give the "
            "original checkpoint in safetensors"
        )
    return {
        "rope_type": "llama3",
        "rope_theta": theta,
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": _LLAMA3_CONTEXT,
    }
