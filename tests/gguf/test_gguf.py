"""A base in GGUF is the model that it was made of, weight for weight and token for token."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM

from harness.bases import resolve_base
from harness.encoder.placement import Placement
from harness.encoder.tokenizer import TEXTS, load_tokenizer, prove_tokens
from harness.errors import HarnessError
from harness.fingerprint import fingerprint
from harness.gguf.convert import MANIFEST
from harness.paths import cache_folder
from harness.run.open import open_system
from harness.run.systems import plan_system
from tests.gguf.files import (
    ENGLISH,
    NAMES,
    SMOLLM,
    byte_level,
    metadata,
    small_model,
    tokens_of,
    weights_of,
    write_gguf,
    written,
)

IDS = torch.arange(20).reshape(1, 20) * 7 % 300


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "own head"])
def test_every_architecture_computes_what_its_original_does(tokenizer: Tokenizer, name: str, tied: bool) -> None:
    tied |= name == "gemma2"  # llama.cpp has no head for it
    original = small_model(name, tie_word_embeddings=tied)
    base = resolve_base(str(written(tokenizer, name, tie_word_embeddings=tied)))
    assert (base.name, base.origin[:24]) == ("tiny", "weights as stored in F32")
    opened = AutoModelForCausalLM.from_pretrained(base.folder).eval()
    for key, weight in original.state_dict().items():
        torch.testing.assert_close(opened.state_dict()[key], weight, rtol=0, atol=2e-7)
    with torch.inference_mode():
        torch.testing.assert_close(opened(IDS).logits, original(IDS).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "layers", "scale"), [("gemma2", 46, 4), ("gemma3", 62, 4), ("gemma2", 2, 8)])
def test_the_largest_gemma_scales_its_attention_otherwise(
    tokenizer: Tokenizer, name: str, layers: int, scale: int
) -> None:
    """llama.cpp knows them by their number of layers: 16 numbers on 4 heads of 8."""
    base = resolve_base(str(written(tokenizer, name, num_hidden_layers=layers)))
    assert json.loads((base.folder / "config.json").read_text())["query_pre_attn_scalar"] == scale


def test_q_and_k_in_another_order_are_another_model(tokenizer: Tokenizer) -> None:
    model = small_model("llama")
    fields = metadata("llama", model.config) | tokens_of(tokenizer, "smollm")
    path = write_gguf(Path("turned.gguf"), "llama", fields, weights_of("llama", model, turned=False))
    opened = AutoModelForCausalLM.from_pretrained(resolve_base(str(path)).folder).eval()
    with torch.inference_mode():
        assert (opened(IDS).logits - model(IDS).logits).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1", "F16", "BF16"])
def test_weights_are_those_of_the_library_and_kept_exactly(tokenizer: Tokenizer, kind: str) -> None:
    path = written(tokenizer, quantised=kind, hidden_size=32, head_dim=8)
    base = resolve_base(str(path))
    said = "weights as stored in" if "F" in kind else f"weights dequantised from {kind} ("
    assert base.origin.startswith(said)
    assert f"{kind} (" in base.origin
    opened = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(".", gguf_file=str(path), dtype=torch.float32)
    for key, weight in theirs.state_dict().items():
        assert torch.equal(opened.state_dict()[key], weight), key


def split(numbers: str) -> Any:
    """The rules of Llama 3, with its own for numbers, as they stand in its tokenizer.json."""
    rules = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + numbers,
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    )
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("".join(rules)), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


@pytest.mark.parametrize(
    ("pre", "cuts"),
    [
        ("smollm", SMOLLM),
        ("gpt-2", pre_tokenizers.ByteLevel(add_prefix_space=False)),
        ("llama-bpe", split(r"\p{N}{1,3}")),
        ("qwen2", split(r"\p{N}")),
    ],
    ids=["smollm", "gpt-2", "llama-bpe", "qwen2"],
)
def test_texts_are_cut_as_by_the_original(pre: str, cuts: Any) -> None:
    original, model = byte_level(cuts), small_model("llama")
    original.normalizer = normalizers.NFC() if pre == "qwen2" else None
    fields = metadata("llama", model.config) | tokens_of(original, pre)
    path = write_gguf(Path("tiny.gguf"), "llama", fields, weights_of("llama", model))
    base = resolve_base(str(path))
    rebuilt = load_tokenizer(base.folder, name="tiny")
    assert prove_tokens(rebuilt, base.folder, name="tiny") == len(TEXTS)
    for text in [*TEXTS, *ENGLISH, "<|end|> and\n\n1."]:
        wanted = original.encode(text)
        assert rebuilt(text)["input_ids"] == wanted.ids
        assert rebuilt.decode(wanted.ids, skip_special_tokens=False) == original.decode(
            wanted.ids, skip_special_tokens=False
        )
    assert (rebuilt.bos_token, rebuilt.eos_token, rebuilt.pad_token) == ("<|end|>", "<|end|>", "<|pad|>")


def test_digits_are_cut_only_where_the_file_says_so(tokenizer: Tokenizer) -> None:
    model = small_model("llama")
    read = {}
    for pre in ("smollm", "gpt-2"):
        fields = metadata("llama", model.config) | tokens_of(tokenizer, pre)
        path = write_gguf(Path(f"{pre}.gguf"), "llama", fields, weights_of("llama", model))
        read[pre] = load_tokenizer(resolve_base(str(path)).folder, name=pre).tokenize("\n\n1.")
    assert read == {"smollm": ["ĊĊ", "1", "."], "gpt-2": ["Ċ", "Ċ", "1", "."]}


def test_a_token_is_put_in_front_where_the_file_says_so(tokenizer: Tokenizer) -> None:
    model = small_model("llama")
    fields = metadata("llama", model.config) | tokens_of(tokenizer, "smollm")
    fields |= {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": True}
    path = write_gguf(Path("tiny.gguf"), "llama", fields, weights_of("llama", model))
    ids = load_tokenizer(resolve_base(str(path)).folder, name="tiny")("a cat")["input_ids"]
    assert (ids[0], ids[-1], ids[1:-1]) == (0, 0, tokenizer.encode("a cat").ids)


def test_it_is_converted_once_and_again_if_the_copy_is_damaged(tokenizer: Tokenizer) -> None:
    base = resolve_base(str(written(tokenizer)))
    assert base.folder.parent == cache_folder() / "bases"
    assert (base.folder / MANIFEST).is_file()
    before = (base.folder / "model.safetensors").stat().st_mtime_ns
    assert resolve_base("tiny.gguf") == base
    assert resolve_base(str(base.folder)) == base
    assert (base.folder / "model.safetensors").stat().st_mtime_ns == before
    config = json.loads((base.folder / "config.json").read_text())
    (base.folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
    assert resolve_base("tiny.gguf") == base
    assert json.loads((base.folder / "config.json").read_text()) == config
    now = json.loads((base.folder / MANIFEST).read_text())
    (base.folder / MANIFEST).write_text(json.dumps(now | {"version": now["version"] - 1}))
    assert resolve_base("tiny.gguf") == base, "what an older version wrote has the same revision"
    assert json.loads((base.folder / MANIFEST).read_text()) == now, "and is made again"
    Path("alone").mkdir()
    shutil.copy("tiny.gguf", "alone/other.gguf")
    found = resolve_base("alone")
    assert (found.name, found.revision, found.folder) == ("other", base.revision, base.folder)


def test_a_folder_from_elsewhere_cannot_claim_the_revision_of_a_conversion(tokenizer: Tokenizer) -> None:
    """Its manifest may be right about its own files and still name another model: it is a folder like any other."""
    base = resolve_base(str(written(tokenizer)))
    stranger = shutil.copytree(base.folder, "stranger")
    config = json.loads(Path(stranger, "config.json").read_text())
    Path(stranger, "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
    kept = sorted(each for each in Path(stranger).iterdir() if each.suffix in (".json", ".safetensors"))
    kept.remove(Path(stranger, MANIFEST))
    claimed = json.loads(Path(stranger, MANIFEST).read_text()) | {"files": fingerprint(Path(stranger), kept)}
    Path(stranger, MANIFEST).write_text(json.dumps(claimed))
    found = resolve_base(stranger)
    assert (found.name, found.origin) == ("stranger", "")
    assert found.revision != base.revision


def test_many_weights_are_written_in_several_files(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.gguf.convert._SHARD_BYTES", 8000)
    base = resolve_base(str(written(tokenizer)))
    assert len(list(base.folder.glob("model-0000*-of-0000*.safetensors"))) > 2
    opened = AutoModelForCausalLM.from_pretrained(base.folder)
    for key, weight in small_model("llama").state_dict().items():
        assert torch.equal(opened.state_dict()[key], weight), key


def test_a_run_keeps_how_the_weights_were_stored(tokenizer: Tokenizer) -> None:
    base = resolve_base(str(written(tokenizer, quantised="Q4_1", hidden_size=32)))
    place = Placement(device="cpu", dtype="float32")
    opened = open_system(plan_system("bidir", base), place=place, cache=cache_folder())
    seen = opened.evidence.provenance.opening
    assert seen is not None
    assert seen["base"].startswith("weights dequantised from Q4_1 (15)")
    assert seen["weights"] == "20 tensors read, none missing"


def test_the_original_shape_of_llama_3_positions_is_found_again(tokenizer: Tokenizer) -> None:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    model = small_model("llama", rope_parameters=rope, head_dim=32)
    plain = small_model("llama", rope_parameters={"rope_type": "default", "rope_theta": 500000.0}, head_dim=32)
    factors = plain.model.rotary_emb.inv_freq / model.model.rotary_emb.inv_freq
    assert factors.max() == 32
    fields = metadata("llama", model.config) | tokens_of(tokenizer, "smollm")
    weights = weights_of("llama", model)
    path = write_gguf(Path("tiny.gguf"), "llama", fields, weights | {"rope_freqs.weight": factors.numpy()})
    opened = AutoModelForCausalLM.from_pretrained(resolve_base(str(path)).folder)
    torch.testing.assert_close(opened.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq)
    path = write_gguf(Path("odd.gguf"), "llama", fields, weights | {"rope_freqs.weight": factors.numpy()[::-1]})
    with pytest.raises(HarnessError, match="not that of Llama 3"):
        resolve_base(str(path))
