"""Contrastive stages on sentence-transformers' own trainer and losses.

SimCSE (Gao et al. 2021): a sentence is its own positive; the two views differ by attention dropout and adapter
dropout, for Llama has no hidden dropout. Supervised: (anchor, positive, hard negative) with in-batch negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.training_args import BatchSamplers
from transformers import set_seed

from harness.encoder.model import Encoder
from harness.recipes import SimcseStage, SupconStage
from harness.training.checkpoints import AdapterCheckpoints
from harness.training.lora import add_lora
from harness.training.ranks import Ranks
from harness.training.watch import Watch, arguments, train

_NAMES = ("anchor", "positive", "negative")


class _Trainer(AdapterCheckpoints, SentenceTransformerTrainer):
    """sentence-transformers' trainer; its checkpoints hold the adapters only."""


def train_contrastive(
    stage: SimcseStage | SupconStage,
    rows: Sequence[tuple[str, ...]],
    *,
    start: Encoder,
    seed: int,
    device: str,
    folder: Path,
    watch: Watch,
) -> Any:
    """Return the backbone of `start` with its trained adapters in it. `folder` keeps the checkpoints."""
    set_seed(seed)
    start.model[0].max_seq_length = min(stage.max_length, start.model[0].max_seq_length)
    if isinstance(stage, SimcseStage):
        rows = [(text, text) for (text,) in rows]
        set_attention_dropout(start.backbone, stage.attention_dropout)
    columns = zip(_NAMES, zip(*rows, strict=True), strict=False)
    add_lora(start.backbone, stage.lora)
    train(
        _Trainer(
            model=start.model,
            args=SentenceTransformerTrainingArguments(
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                **arguments(stage, seed=seed, device=device, folder=folder),
            ),
            train_dataset=Dataset.from_dict({name: list(column) for name, column in columns}),
            loss=make_loss(start.model, stage),
        ),
        watch,
    )
    return start.backbone


def make_loss(model: Any, stage: SimcseStage | SupconStage) -> Any:
    """In-batch negatives at `stage.scale`, over all processes; gradients are cached if the batch comes in parts."""
    across = Ranks.here().size > 1
    if stage.micro_batch_size is None:
        return MultipleNegativesRankingLoss(model, scale=stage.scale, gather_across_devices=across)
    return CachedMultipleNegativesRankingLoss(
        model, scale=stage.scale, mini_batch_size=stage.micro_batch_size, gather_across_devices=across
    )


def set_attention_dropout(backbone: Any, probability: float) -> None:
    """Decoders' attention modules copy the probability when built, so the config alone does not reach them."""
    backbone.config.attention_dropout = probability
    for layer in backbone.layers:
        layer.self_attn.attention_dropout = probability
