"""What both sides read, made once: the checkpoint as llm2vec can load it, a random LoRA adapter, one masked batch.

python -m tests.peers.material CHECKPOINT FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer, DataCollatorForLanguageModeling

from harness.training.lora import TARGETS
from harness.training.masking import mask_token
from tests.peers.cases import ADAPTER, LIMIT, MASKED_BATCH, TEXTS, THEIR_BASE


def main(checkpoint: Path, folder: Path) -> None:
    their_base(checkpoint, folder / THEIR_BASE)
    adapter(checkpoint, folder / ADAPTER)
    masked_batch(checkpoint, folder / MASKED_BATCH)


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


def adapter(checkpoint: Path, folder: Path) -> None:
    """A LoRA adapter whose two matrices are both random, so that merging it changes every layer."""
    torch.manual_seed(0)
    model: Any = AutoModel.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=list(TARGETS)))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    adapted.save_pretrained(folder)


def masked_batch(checkpoint: Path, file: Path) -> None:
    """Ids, mask and labels, (B, T), as the collator of our MNTP stage hides tokens."""
    tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.mask_token = mask_token(tokenizer, "_")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    encoded = tokenizer(TEXTS, truncation=True, max_length=LIMIT, return_special_tokens_mask=True)
    rows = [{name: encoded[name][row] for name in encoded} for row in range(len(TEXTS))]
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=0.2, seed=0)
    batch = collate(rows)
    np.savez(file, **{name: tensor.numpy() for name, tensor in batch.items()})


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
