"""Masked next-token prediction: hide tokens, predict each from the state one position before it.

Stock parts: a causal LM with the mask off, and the masked-LM collator; the LM's own label shift makes it
"predict token i from position i-1" (BehnamGhader et al. 2024, section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
    set_seed,
)

from harness.cards import MntpStage, Recipe
from harness.encoder.attention import set_attention
from harness.encoder.placement import fit_threads
from harness.errors import HarnessError
from harness.training.lora import add_lora, merge_lora
from harness.training.watch import Watch, arguments, train


def train_mntp(
    stage: MntpStage,
    recipe: Recipe,
    texts: Sequence[str],
    *,
    base: Path,
    parent: Path | None,
    seed: int,
    device: str,
    folder: Path,
    watch: Watch,
) -> Any:
    """Return the trained backbone (float32, adapters merged, on the CPU). The LM head is the base's and stays fixed."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, use_safetensors=True)
    if parent is not None:
        trained = AutoModel.from_pretrained(parent, dtype=torch.float32, use_safetensors=True)
        model.base_model.load_state_dict(trained.state_dict())
    fit_threads(model.num_parameters())
    set_attention(model, recipe.attention)
    model.config.use_cache = False
    encoded = tokenizer(list(texts), truncation=True, max_length=stage.max_length, return_special_tokens_mask=True)
    dataset = Dataset.from_dict(
        {name: encoded[name] for name in ("input_ids", "attention_mask", "special_tokens_mask")}
    )
    tokenizer.mask_token = mask_token(tokenizer, stage.mask_token)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    add_lora(model.base_model, stage.lora)
    train(
        Trainer(
            model=model,
            args=TrainingArguments(**arguments(stage, seed=seed, device=device, folder=str(folder))),
            train_dataset=dataset,
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=stage.mask_probability),
        ),
        watch,
    )
    merge_lora(model.base_model)
    return model.base_model.to("cpu").eval()


def mask_token(tokenizer: Any, wanted: str) -> str:
    """The vocabulary's own form of `wanted`, or its unknown token where the vocabulary has no such token."""
    for form in (wanted, f"▁{wanted}", f"Ġ{wanted}"):
        if tokenizer.convert_tokens_to_ids(form) not in {None, tokenizer.unk_token_id}:
            return form
    if tokenizer.unk_token is None:
        raise HarnessError(f"the base's vocabulary has no token {wanted!r} to mask with; set mask_token in the card")
    return str(tokenizer.unk_token)
