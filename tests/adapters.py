"""Published adapters, and stage folders as training leaves them: merged weights with the adapters beside them."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_lineage(base: Path, folder: Path, *, stages: int = 2, seed: int = 0, size: float = 0.1) -> list[Path]:
    """`stages` folders, each a trained backbone on the one before it: W = W0 + d1 + d2, with adapter/ inside."""
    torch.manual_seed(seed)
    backbone = AutoModel.from_pretrained(base, dtype=torch.float32)
    made: list[Path] = []
    for number in range(stages):
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.05, target_modules=TARGETS)
        adapted = get_peft_model(backbone, config)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=size)
        stage = folder / f"stage-{number}"
        adapted.save_pretrained(stage / "adapter")
        backbone = adapted.merge_and_unload()
        backbone.save_pretrained(stage)
        AutoTokenizer.from_pretrained(base).save_pretrained(stage)
        made.append(stage)
    return made


def publish(tiny_base: Path, name: str, *, seed: int = 0, model=AutoModel, base_name: str = "org/tiny", **more) -> Path:
    """An adapter as PEFT writes it, with weights that do something."""
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], **more)
    adapted = get_peft_model(model.from_pretrained(tiny_base, dtype=torch.float32), config)
    for weight_name, weight in adapted.named_parameters():
        if "lora_B" in weight_name:
            torch.nn.init.normal_(weight, std=0.1)
    adapted.peft_config["default"].base_model_name_or_path = base_name
    adapted.save_pretrained(name)
    return Path(name).absolute()
