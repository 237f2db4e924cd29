"""A GGUF file that would be another model, or that is not whole, is refused by name."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from harness.bases import resolve_base
from harness.errors import HarnessError
from harness.paths import cache_folder
from tests.gguf.files import (
    metadata,
    small_model,
    tokens_of,
    weights_of,
    write_gguf,
    written,
)


def _change(**changes: Any) -> Callable[[dict[str, Any], dict[str, np.ndarray]], None]:
    def harm(fields: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        for key, value in changes.items():
            if value is None:
                fields.pop(key)
            else:
                fields[key] = value

    return harm


def _weight(name: str) -> Callable[[dict[str, Any], dict[str, np.ndarray]], None]:
    def harm(fields: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        weights[name] = np.zeros((4, 4), np.float32)

    return harm


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (
            _change(**{"tokenizer.ggml.pre": "tekken"}),
            "by the rules 'tekken' .*; known: gpt-2, llama-bpe, qwen2, smollm",
        ),
        (_change(**{"tokenizer.ggml.pre": None}), "by the rules 'none'"),
        (_change(**{"tokenizer.ggml.model": "bert"}), "tokenizer of the model 'bert', which cannot be rebuilt"),
        (_change(**{"tokenizer.ggml.merges": ["a qq"]}), "merge 'a qq' that is not of its tokens"),
        (_change(**{"tokenizer.ggml.bos_token_id": 300}), "names the token 300 as its bos_token"),
        (
            _change(**{"tokenizer.ggml.bos_token_id": None, "tokenizer.ggml.add_bos_token": True}),
            "names no special one",
        ),
        (_change(**{"llama.expert_count": 8}), "states llama.expert_count, which the conversion does not know"),
        (_change(**{"llama.rope.scaling.type": "yarn"}), "llama.rope.scaling.type = yarn"),
        (_change(**{"llama.pooling_type": 1}), "an embedding model"),
        (_change(**{"llama.attention.causal": False}), "an embedding model"),
        (_change(**{"llama.rope.dimension_count": 4}), "rope.dimension_count = 4 where its heads are 8 wide"),
        (_change(**{"llama.block_count": None}), "no llama.block_count that is one whole number"),
        (_change(**{"split.count": 3}), "one of 3 parts"),
        (_weight("blk.0.attn_q_norm.weight"), "a weight blk.0.attn_q_norm.weight, which a LlamaForCausalLM does not"),
        (_weight("blk.0.attn_q.bias"), "a weight blk.0.attn_q.bias"),
        (_change(**{"llama.block_count": 3}), r"lacks the weight blk.2.attn_q.weight \(9 are missing\)"),
        (_weight("blk.2.attn_q.weight"), "a layer 2"),
    ],
    ids=[
        *("pre", "no pre", "tokenizer", "merge", "role", "bos", "experts", "scaling", "pooling", "not causal"),
        *("part rotated", "no layers", "split", "norms", "bias", "layer", "layers"),
    ],
)
def test_what_would_be_another_model_is_refused_by_name(
    tokenizer: Tokenizer, harm: Callable[..., None], sentence: str
) -> None:
    model = small_model("llama")
    fields, weights = metadata("llama", model.config) | tokens_of(tokenizer, "smollm"), weights_of("llama", model)
    harm(fields, weights)
    _refused(write_gguf(Path("tiny.gguf"), "llama", fields, weights), sentence)


@pytest.mark.parametrize(
    ("architecture", "sentence"),
    [
        ("clip", "'clip', the image part of a vision model"),
        ("bert", "'bert', an embedding model"),
        ("nomic-bert", "'nomic-bert', an embedding model"),
        (
            "mamba",
            "'mamba', an architecture that is not supported; supported GGUF architectures: gemma2, gemma3, llama",
        ),
    ],
)
def test_other_architectures_are_refused_by_name(architecture: str, sentence: str) -> None:
    _refused(write_gguf(Path("tiny.gguf"), architecture, {}, {"a": np.zeros((4, 4), np.float32)}), sentence)


def test_a_file_that_is_not_whole_or_not_gguf_is_refused(tokenizer: Tokenizer) -> None:
    path = written(tokenizer)
    whole = path.read_bytes()
    for length in (6, 30, 500, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:length])
        _refused(path, "tiny.gguf is cut short or damaged")
    for content, sentence in {
        b"": "no GGUF file",
        b"lmgg and more": "no GGUF file",
        b"version https://git-lfs.github.com/spec/v1": "git lfs pull",
        whole[:4] + b"\x01\0\0\0" + whole[8:]: "version 1 of GGUF",
    }.items():
        path.write_bytes(content)
        _refused(path, sentence)


def test_a_folder_with_two_files_is_refused(tokenizer: Tokenizer) -> None:
    Path("two").mkdir()
    for name in ("a.gguf", "b.gguf"):
        shutil.copy(written(tokenizer), Path("two", name))
    _refused(Path("two"), r"holds 2 GGUF files \(a.gguf, b.gguf\); give one of them")


def test_a_full_disk_is_seen_before_anything_is_written(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tokenizer)
    monkeypatch.setattr("shutil.disk_usage", lambda place: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    _refused(path, r"needs 0.1 GB at .*, where 0.0 GB are free")


def test_without_the_library_a_sentence_says_how_to_get_it(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tokenizer)
    find = importlib.util.find_spec
    monkeypatch.setattr("harness.gguf.reading.find_spec", lambda name: None if name == "gguf" else find(name))
    _refused(path, r"`pip install 'gguf>=0.17'` gets it")


def test_a_type_that_the_library_does_not_read_is_refused(tokenizer: Tokenizer) -> None:
    model = small_model("llama")
    fields, weights = metadata("llama", model.config) | tokens_of(tokenizer, "smollm"), weights_of("llama", model)
    weights["blk.1.ffn_up.weight"] = weights["blk.1.ffn_up.weight"].astype(np.int8)
    _refused(write_gguf(Path("tiny.gguf"), "llama", fields, weights), "has weights in I8, which the library")


def _refused(path: Path, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence) as caught:
        resolve_base(str(path))
    assert "\n" not in str(caught.value)
    assert not [each for each in cache_folder().rglob("*") if each.suffix in (".safetensors", ".json")]
