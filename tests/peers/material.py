"""What both sides read, made once: the checkpoint as llm2vec can load it, a random LoRA adapter, one masked batch.

python -m tests.peers.material CHECKPOINT FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer, DataCollatorForLanguageModeling

from benchmarks.material import their_base
from harness.encoder.tokens import mask_token
from harness.training.lora import TARGETS
from tests.peers.cases import ADAPTER, LIMIT, MASKED_BATCH, TEXTS, THEIR_BASE


def main(checkpoint: Path, folder: Path) -> None:
    their_base(checkpoint, folder / THEIR_BASE)
    adapter(checkpoint, folder / ADAPTER)
    masked_batch(checkpoint, folder / MASKED_BATCH)


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


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
