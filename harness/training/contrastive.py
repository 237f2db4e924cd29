"""Contrastive training on sentence-transformers' own trainer and losses, with in-batch negatives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.training_args import BatchSamplers
from transformers import set_seed

from harness.errors import HarnessError, ProofError
from harness.training.checkpoints import AdapterCheckpoints
from harness.training.kind import StageJob
from harness.training.packed import prepare, read_packed
from harness.training.processes import Processes
from harness.training.trained import TrainedStage
from harness.training.watch import TrainingWatch, arguments, train

_NAMES = ("anchor", "positive", "negative")
_PASSES = 3  # over the rows in an epoch: sentence-transformers shuffles again where batches are missing, twice
_PROVEN = 8  # rows whose tokens are compared before training
_MISSES = 100  # batches in a row that do not fill up; then no later one is looked for


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
    watch.unused = check_batches(stage, rows, seed=job.seed)
    start = job.start(job.place.device)
    set_seed(job.seed)
    start.model[0].max_seq_length = min(stage.max_length, start.model[0].max_seq_length)
    if attention_dropout is not None:
        set_attention_dropout(start.backbone, attention_dropout)
    prove_texts(start.model, [text for row in rows[:_PROVEN] for text in row])
    columns = zip(_NAMES, zip(*rows, strict=True), strict=False)
    prepare(start.backbone, stage, name=job.base.name, mask=watch.mask)
    if stage.packed:
        read_packed(start.backbone)
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
        start.backbone,
    )
    return start.backbone


def prove_texts(model: Any, texts: Sequence[str]) -> None:
    """Raise ProofError unless the trainer will read `texts` as the tokens of `model`'s tokenizer, and no others."""
    read = model.preprocess(list(texts))
    own = model.tokenizer(list(texts), truncation=True, max_length=model.max_seq_length)["input_ids"]
    for ids_T, mask_T, expected, text in zip(read["input_ids"], read["attention_mask"], own, texts, strict=True):
        if ids_T[mask_T.bool()].tolist() != expected:
            raise ProofError(
                f"sentence-transformers reads {text[:60]!r} as other tokens than the tokenizer of the base does, "
                "so the stage would learn other texts; try the library versions that `harness doctor` names"
            )


def check_batches(stage: TrainedStage, rows: Sequence[tuple[str, ...]], *, seed: int) -> int:
    """How many of `rows` one pass cannot put into a batch, for a batch holds no text twice.

    Raises HarnessError if the batches do not suffice for the steps of `stage`.
    """
    processes = Processes.here()
    size, wanted = processes.share(stage.batch_size), stage.steps * processes.size
    in_epoch = len(rows) // size
    found = full_batches(rows, size, seed=seed, at_most=min(wanted, in_epoch))
    if found == min(wanted, in_epoch):
        return 0
    unused = (in_epoch - found) * size
    epochs = -(-wanted // in_epoch)
    if min(in_epoch, _PASSES * found) * epochs < wanted:
        raise HarnessError(
            f"the {stage.kind} stage cannot make its {stage.steps} steps: a batch of {size} may not hold a text twice, "
            f"and so {unused} of the {len(rows)} examples fit into no batch; give data with more different texts or "
            "lower batch_size in the card"
        )
    return unused


def full_batches(rows: Sequence[tuple[str, ...]], size: int, *, seed: int, at_most: int) -> int:
    """How many batches of `size` rows without a common text one pass over the shuffled `rows` gives, up to `at_most`.

    As sentence-transformers fills them: a row that does not fit waits for the next batch, and the rows of a batch that
    does not fill up are lost.
    """
    waiting = deque(rows[index] for index in np.random.default_rng(seed).permutation(len(rows)))
    found = misses = 0
    while waiting and found < at_most and misses < _MISSES:
        texts: set[str] = set()
        taken, put_off = 0, []
        while waiting and taken < size:
            row = waiting.popleft()
            if texts.isdisjoint(row):
                texts.update(row)
                taken += 1
            else:
                put_off.append(row)
        found, misses = (found + 1, 0) if taken == size else (found, misses + 1)
        waiting.extendleft(reversed(put_off))
    return found


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
