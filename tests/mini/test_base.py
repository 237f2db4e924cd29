"""The shipped base, and the command that rebuilds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.mini import BLANK_TOKEN, checkpoint_folder
from harness.mini.corpus import data_version, pretraining_documents
from harness.mini.pretrain import PretrainConfig, pretrain
from harness.mini.shapes import Shape

LIMIT = 4 * 2**20


def test_checkpoint_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in checkpoint_folder().iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(files)
    assert sum(files.values()) <= LIMIT


def test_checkpoint_belongs_to_this_language() -> None:
    config = json.loads((checkpoint_folder() / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["tie_word_embeddings"] is True
    assert config["mini_data_version"] == data_version()


def test_tokenizer_puts_bos_first_and_knows_the_blank() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint_folder())
    ids = tokenizer(f"The chef stirred {BLANK_TOKEN} soup.")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.convert_tokens_to_ids(BLANK_TOKEN)) == 1
    assert tokenizer.mask_token == BLANK_TOKEN
    assert len({tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.mask_token_id}) == 4


def test_checkpoint_predicts_its_language() -> None:
    """An untrained base is at log(2048) = 7.6 nats a token; this one must know most of the grammar."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint_folder())
    model = AutoModelForCausalLM.from_pretrained(checkpoint_folder())
    assert model.dtype == torch.float32
    batch = tokenizer(pretraining_documents(99, 64), return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    with torch.no_grad():
        loss = model(**batch, labels=labels).loss.item()
    assert loss < 1.6


@pytest.mark.slow
def test_short_rebuild_learns(tmp_path: Path) -> None:
    config = PretrainConfig(shape=Shape(layers=1, width=32, intermediate=64), steps=30, documents=1500, warmup_steps=5)
    facts = pretrain(tmp_path / "base", config)
    assert facts.loss < 7.0  # log(2048) = 7.6 before training
    assert sum(path.stat().st_size for path in (tmp_path / "base").iterdir()) < LIMIT
