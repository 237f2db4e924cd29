"""Folders of every state that was thought of: opened rightly or refused in one sentence, never a traceback."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import HarnessError
from tests.encoder.test_opening import SOME, opened

JUNK: tuple[Any, ...] = (None, 0, -1, 3, 1.5, "x", "", [], [1], {}, {"x": 1}, True, 10**6)
CONFIG = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size"),
    *("intermediate_size", "hidden_act", "rms_norm_eps", "rope_parameters", "max_position_embeddings", "dtype"),
    *("tie_word_embeddings", "pad_token_id", "bos_token_id", "attention_bias", "mlp_bias", "is_causal"),
    *("architectures", "model_type", "auto_map", "quantization_config", "_attn_implementation", "transformers_weights"),
    *("attention_dropout", "initializer_range", "pretraining_tp", "layer_types", "use_cache", "id2label"),
)
TOKENIZER_CONFIG = (
    *("tokenizer_class", "model_max_length", "bos_token", "pad_token", "mask_token", "added_tokens_decoder"),
    *("extra_special_tokens", "additional_special_tokens", "padding_side", "truncation_side", "chat_template"),
    *("tokenizer_file", "vocab_file", "init_inputs", "split_special_tokens", "auto_map", "backend", "tokenizer_object"),
    *("add_bos_token", "add_eos_token", "add_prefix_space", "fix_mistral_regex", "gguf_file", "post_processor"),
)
DECIDE = ("model", "normalizer", "pre_tokenizer", "post_processor", "added_tokens")  # of tokenizer.json: the tokens
TOKENIZER = (*DECIDE, "truncation", "padding", "version")
# These fields may change an embedding.
MEANT = ("tokenizer_config.json: bos_token", "config.json: ", *(f"tokenizer.json: {field}" for field in DECIDE))
BYTES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b"{}",
    b"version https://git-lfs.github.com/spec/v1\n",
    b"\x00" * 99,
)
FILES = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("model.safetensors", "generation_config.json", "chat_template.jinja", "processor_config.json"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
def test_a_field_of_any_value(tiny_base: Path, name: str) -> None:
    found: Counter[str] = Counter()
    fields = {"config.json": CONFIG, "tokenizer_config.json": TOKENIZER_CONFIG, "tokenizer.json": TOKENIZER}[name]
    right = opened(tiny_base).encode(SOME)
    for field in fields:
        for value in JUNK:
            folder = Path(shutil.copytree(tiny_base, "tiny", dirs_exist_ok=True))
            kept = json.loads((folder / name).read_text()) | {field: value}
            (folder / name).write_text(json.dumps(kept))
            found[check(folder, right, f"{name}: {field} = {value!r}")] += 1
    table(f"a field of {name}", found)


@pytest.mark.slow
def test_a_file_of_any_bytes(tiny_base: Path) -> None:
    right, found = opened(tiny_base).encode(SOME), Counter[str]()
    for name in FILES:
        for content in (*BYTES, None):
            shutil.rmtree("tiny", ignore_errors=True)
            folder = Path(shutil.copytree(tiny_base, "tiny"))
            if content is None:  # a folder in its place
                (folder / name).unlink(missing_ok=True)
                (folder / name).mkdir()
            else:
                (folder / name).write_bytes(content)
            found[check(folder, right, f"{name} holds {content!r}")] += 1
    table("bytes of a file of a base", found)


def table(what: str, found: Counter[str]) -> None:
    """Print what was tried, for `pytest -s`: who comes here met no traceback and no wrong number."""
    counts = ", ".join(f"{number} {each}" for each, number in sorted(found.items()))
    print(f"\n{what}: {sum(found.values())} inputs, {counts}, 0 wrong numbers, 0 tracebacks")


def check(folder: Path, right: np.ndarray, what: str) -> str:
    """Refused in one line, or opened with its proofs and with the embeddings of the folder in order; which of these."""
    told = ""
    try:
        encoder = opened(folder)
        encoder.prove().require()
        found = encoder.encode(SOME)
    except HarnessError as error:
        told = str(error)
    else:
        if not any(what.startswith(each) for each in MEANT):
            np.testing.assert_allclose(found, right, atol=1e-6, err_msg=what)
    assert "\n" not in told, what
    assert len(told) < 700, what
    return "refused in one sentence" if told else "opened"
