"""LoRA on the backbone, put in place and merged in place, so that trainers see an ordinary model."""

from __future__ import annotations

from typing import Any

from harness.cards import Lora

# Every linear layer of a Llama block, as LLM2Vec adapts them.
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def add_lora(model: Any, lora: Lora) -> None:
    """Insert fresh adapters into `model`; only they are trainable afterwards."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(TARGETS))
    inject_adapter_in_model(config, model)


def merge_lora(model: Any) -> None:
    """Fold every adapter into its layer and take it out again; all weights are trainable afterwards."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [(name, module) for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in adapted:
        module.merge()
        parent_name, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent_name), child, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
    model.requires_grad_(True)
