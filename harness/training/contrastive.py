"""Contrastive stages on sentence-transformers' own trainer and loss.

SimCSE (Gao et al. 2021): a sentence is its own positive; the two views differ by attention dropout and adapter
dropout, for Llama has no hidden dropout. Supervised: (anchor, positive, hard negative) with in-batch negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.training_args import BatchSamplers
from transformers import set_seed

from harness.cards import Recipe, SimcseStage, SupconStage
from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.training.lora import add_lora, merge_lora
from harness.training.watch import Watch, arguments, train


def train_contrastive(
    stage: SimcseStage | SupconStage,
    recipe: Recipe,
    rows: Sequence[tuple[str, ...]],
    *,
    base: Path,
    parent: Path | None,
    seed: int,
    device: str,
    folder: Path,
    watch: Watch,
) -> Any:
    """Return the trained backbone (float32, adapters merged, on the CPU)."""
    set_seed(seed)
    start = recipe if parent is None else recipe.model_copy(update={"weights": "pretrained"})
    place = Placement(device=device, dtype="float32")
    encoder = build_encoder(parent or base, start, seed=seed, place=place, name="training", revision="none")
    encoder.model[0].max_seq_length = min(stage.max_length, encoder.model[0].max_seq_length)
    names = ("anchor", "positive", "negative")
    if isinstance(stage, SimcseStage):
        rows = [(text, text) for (text,) in rows]
        set_attention_dropout(encoder.backbone, stage.attention_dropout)
    dataset = Dataset.from_dict(
        {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=False)}
    )
    add_lora(encoder.backbone, stage.lora)
    train(
        SentenceTransformerTrainer(
            model=encoder.model,
            args=SentenceTransformerTrainingArguments(
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                **arguments(stage, seed=seed, device=device, folder=str(folder)),
            ),
            train_dataset=dataset,
            loss=MultipleNegativesRankingLoss(encoder.model, scale=stage.scale),
        ),
        watch,
    )
    merge_lora(encoder.backbone)
    set_attention_dropout(encoder.backbone, 0.0)
    return encoder.backbone.to("cpu").eval()


def set_attention_dropout(backbone: Any, probability: float) -> None:
    """Llama's attention modules copy the probability when built, so the config alone does not reach them."""
    backbone.config.attention_dropout = probability
    for layer in backbone.layers:
        layer.self_attn.attention_dropout = probability
