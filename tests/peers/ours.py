"""Our side: the encoder as every task gets it, and one step of the trainers that our stages use.

python -m tests.peers.ours CHECKPOINT FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from harness.encoder.attention import set_attention
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.recipes import Recipe
from harness.training.lora import merge_adapter
from tests.peers import cases
from tests.peers.cases import TEXTS, embedding_key, gradient_key, loss_key

CPU = Placement(device="cpu", dtype="float32")
results: dict[str, np.ndarray] = {}


def main(checkpoint: Path, folder: Path) -> None:
    for mask in cases.MASKS:
        for weights in cases.WEIGHTS:
            encoder = load(checkpoint, mask)
            if weights != "base":
                merge_adapter(encoder.backbone, folder / cases.ADAPTER)
            embeddings(encoder, mask, weights)
    mntp(checkpoint, folder)
    contrastive(checkpoint)
    np.savez(folder / "ours.npz", **results)


def load(checkpoint: Path, mask: str = "bidirectional") -> Encoder:
    recipe = Recipe.model_validate({"attention": mask, "max_length": cases.LIMIT})
    return build_encoder(checkpoint, recipe, seed=None, place=CPU, name="ours", revision="none")


def embeddings(encoder: Encoder, mask: str, weights: str) -> None:
    batch, instruction = len(TEXTS), cases.INSTRUCTION
    made: dict[str, np.ndarray] = {"batch of 1": encoder.encode(TEXTS, batch_size=1)}
    for side in padding_sides(encoder):
        made[f"batch padded {side}"] = encoder.encode(TEXTS, batch_size=batch)
        made[f"instruction, batch padded {side}"] = encoder.encode(TEXTS, batch_size=batch, instruction=instruction)
    made["instruction, batch of 1"] = encoder.encode(TEXTS, batch_size=1, instruction=instruction)
    transformer, _without_bos, pooling = encoder.model
    everything = SentenceTransformer(modules=[transformer, pooling], device="cpu")
    made["BOS pooled too"] = everything.encode(TEXTS, batch_size=batch, show_progress_bar=False)
    results.update({embedding_key(mask, weights, way): array for way, array in made.items()})


def padding_sides(encoder: Encoder) -> Iterator[str]:
    before = encoder.model.tokenizer.padding_side
    for side in ("left", "right"):
        encoder.model.tokenizer.padding_side = side
        yield side
    encoder.model.tokenizer.padding_side = before


class Witness(TrainerCallback):
    """Sees the gradients of the only step before the optimizer does."""

    def __init__(self, stage: str, backbone: Any) -> None:
        self.stage, self.backbone = stage, backbone

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        weights = sorted(self.backbone.named_parameters())
        norms = [float(weight.grad.norm()) for _, weight in weights if weight.grad is not None]
        results[gradient_key(self.stage)] = np.array(norms)


def witnessed(trainer: type[Trainer], stage: str) -> type[Trainer]:
    """`trainer`, keeping the loss that it computes."""

    class Witnessed(trainer):  # type: ignore[misc, valid-type]
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            made = super().compute_loss(*args, **kwargs)
            results[loss_key(stage)] = np.array((made[0] if isinstance(made, tuple) else made).item())
            return made

    return Witnessed


def arguments(folder: str, batch: int) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "max_steps": 1,
        "per_device_train_batch_size": batch,
        "max_grad_norm": 0.0,  # no clipping
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_pin_memory": False,
    }


def mntp(checkpoint: Path, folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
    set_attention(model, "bidirectional")
    model.config.use_cache = False
    with np.load(folder / cases.MASKED_BATCH) as batch:
        rows = Dataset.from_dict({name: batch[name].tolist() for name in batch.files})
    with tempfile.TemporaryDirectory() as scratch:
        trainer = witnessed(Trainer, "MNTP")(
            model=model, args=TrainingArguments(**arguments(scratch, len(rows))), train_dataset=rows
        )
        trainer.add_callback(Witness("MNTP", model.base_model))
        trainer.train()


def contrastive(checkpoint: Path) -> None:
    names = ("anchor", "positive", "negative")
    columns = dict(zip(names, map(list, zip(*cases.TRIPLETS, strict=True)), strict=True))
    simcse = Dataset.from_dict({"anchor": columns["anchor"], "positive": columns["anchor"]})
    for stage, rows, scale in (
        ("SimCSE", simcse, cases.SIMCSE_SCALE),
        ("supervised", Dataset.from_dict(columns), cases.SUPCON_SCALE),
    ):
        encoder = load(checkpoint)
        with tempfile.TemporaryDirectory() as scratch:
            trainer = witnessed(SentenceTransformerTrainer, stage)(
                model=encoder.model,
                args=SentenceTransformerTrainingArguments(**arguments(scratch, len(rows))),
                train_dataset=rows,
                loss=MultipleNegativesRankingLoss(encoder.model, scale=scale),
            )
            trainer.add_callback(Witness(stage, encoder.backbone))
            trainer.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
