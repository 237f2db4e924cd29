"""Contrastive training on sentence-transformers' own trainer and losses, with in-batch negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.training_args import BatchSamplers
from transformers import set_seed

from harness.training.checkpoints import AdapterCheckpoints
from harness.training.kind import StageJob
from harness.training.lora import add_lora
from harness.training.processes import Processes
from harness.training.trained import TrainedStage
from harness.training.watch import TrainingWatch, arguments, train

_NAMES = ("anchor", "positive", "negative")


class _Trainer(AdapterCheckpoints, SentenceTransformerTrainer):
    """sentence-transformers' trainer; its checkpoints hold the adapters only."""


def train_contrastive(
    stage: TrainedStage,
    rows: Sequence[tuple[str, ...]],
    *,
    job: StageJob,
    watch: TrainingWatch,
    scale: float,
    attention_dropout: float | None = None,
) -> Any:
    """Train on `rows` of anchor, positive and, if there is one, hard negative; return the backbone with its adapters.

    `scale` is the inverse temperature of the loss. `attention_dropout` None leaves the base's own.
    """
    start = job.start(job.place.device)
    set_seed(job.seed)
    start.model[0].max_seq_length = min(stage.max_length, start.model[0].max_seq_length)
    if attention_dropout is not None:
        set_attention_dropout(start.backbone, attention_dropout)
    columns = zip(_NAMES, zip(*rows, strict=True), strict=False)
    add_lora(start.backbone, stage.lora)
    train(
        _Trainer(
            model=start.model,
            args=SentenceTransformerTrainingArguments(
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                **arguments(stage, job),
            ),
            train_dataset=Dataset.from_dict({name: list(column) for name, column in columns}),
            loss=make_loss(start.model, scale=scale, at_once=stage.micro_batch_size),
        ),
        watch,
    )
    return start.backbone


def make_loss(model: Any, *, scale: float, at_once: int | None) -> Any:
    """In-batch negatives over all processes; gradients are cached if a batch comes in parts of `at_once` examples."""
    across = Processes.here().size > 1
    if at_once is None:
        return MultipleNegativesRankingLoss(model, scale=scale, gather_across_devices=across)
    return CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=at_once, gather_across_devices=across)


def set_attention_dropout(backbone: Any, probability: float) -> None:
    """Decoders' attention modules copy the probability when built, so the config alone does not reach them."""
    backbone.config.attention_dropout = probability
    for layer in backbone.layers:
        layer.self_attn.attention_dropout = probability
