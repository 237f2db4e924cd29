"""How fast is a training step, against sentence-transformers' trainer (transformers' for MNTP) and llm2vec's classes?

    python benchmarks/train_step.py --base smollm2-135m --data TRIPLETS --dtype float32,bfloat16
    python benchmarks/train_step.py --base smollm2-135m --stage mntp --data TEXTS
    python benchmarks/train_step.py --base smollm2-135m --data TRIPLETS --llm2vec .nox/peers/bin/python
    python benchmarks/train_step.py --small                            # the same path in seconds

LoRA of rank 16 on every linear layer; all sides train on the same batches, with the same optimiser and precision
(bfloat16: by autocast), without checkpoints on disk. Ours is the stage as a card describes it, packed and padded. Their
trainer gets the same model with `add_adapter`, or peft's adapters in llm2vec's classes, and else its defaults; llm2vec
runs in an environment of its own (`nox -s peers` makes one), for it needs transformers 4.44, in a loop of our own: its
package has no trainer. Sides take turns, `--rounds` times, and the quickest of each counts; the first step of each
turn does not. The limit is the time that the matrix products of the real tokens take, forward and backward (frozen
weights have no gradient), at the rate of the machine's best square product. `--clock cpu --threads 1` counts the
seconds of the CPU, for a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from machine import CLOCKS, described, matmul_rate, seconds_elsewhere, wait
from material import Shape, operations, their_base
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.training_args import BatchSamplers
from transformers import Trainer, TrainerCallback, TrainingArguments

from harness.bases import Base, resolve_base
from harness.encoder.attention import set_attention
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.opening import open_causal
from harness.encoder.placement import Placement
from harness.recipes import Recipe
from harness.training import parse_recipe
from harness.training.contrastive import set_attention_dropout
from harness.training.kind import StageJob
from harness.training.lora import Lora, add_lora
from harness.training.masking import Masks, Visits, examples_of, mask_token
from harness.training.trained import TrainedStage
from harness.training.watch import TrainingWatch

PACKED, PADDED, LLM2VEC = "harness, packed", "harness, padded", "llm2vec 0.2.3"
ROOT = Path(__file__).parents[1]
PLANNED = 1000  # steps of the stage, of which the first are taken


class EnoughError(Exception):
    """As many steps as are measured are done."""


class Steps(TrainerCallback):
    """The clock at the end of each step; ends the training after `count`."""

    def __init__(self, count: int, clock: Callable[[], float], device: str) -> None:
        self.count, self.clock, self.device = count, clock, device
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        wait(self.device)
        self.ends.append(self.clock())
        if len(self.ends) == self.count:
            raise EnoughError

    @property
    def seconds(self) -> float:
        """Of a step, the first left out."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


def main() -> None:
    """Measure all sides and print a table for each precision."""
    asked = arguments()
    base = resolve_base(asked.base)
    for dtype in asked.dtype.split(","):
        measure(asked, base, Placement.choose(asked.device, "float32"), dtype)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="mini", help="as `harness run --base` takes it")
    parser.add_argument("--stage", choices=("supcon", "simcse", "mntp"), default="supcon")
    parser.add_argument("--data", default="mini", help="as in a card: mini, or a file with the stage's columns")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16, or both by comma")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--llm2vec", metavar="PYTHON", help="an interpreter that has llm2vec 0.2.3")
    parser.add_argument("--small", action="store_true", help="two steps of 8 examples, one round")
    asked = parser.parse_args()
    if asked.small:
        asked.batch_size, asked.steps, asked.rounds = 8, 2, 1
    return asked


def stage_of(asked: argparse.Namespace, dtype: str, *, packed: bool) -> TrainedStage:
    """The stage as a card would have it."""
    fields = {
        "kind": asked.stage,
        "data": asked.data,
        "examples": 5_000,
        "steps": PLANNED,
        "batch_size": asked.batch_size,
        "max_length": asked.max_length,
        "learning_rate": 1e-4,
        "precision": dtype,
        "packed": packed,
    }
    (stage,) = parse_recipe({"attention": "bidirectional", "stages": [fields]}).stages
    assert isinstance(stage, TrainedStage)
    return stage


def measure(asked: argparse.Namespace, base: Base, place: Placement, dtype: str) -> None:
    """One precision: every side, in turns."""
    torch.set_num_threads(asked.threads)
    rate = 0.0
    stages = {PACKED: stage_of(asked, dtype, packed=True), PADDED: stage_of(asked, dtype, packed=False)}
    rows = stages[PACKED].rows()
    texts = batches(stages[PACKED], rows, base, place, asked.steps)
    theirs = "transformers" if asked.stage == "mntp" else "sentence-transformers"
    sides: dict[str, Callable[[], float]] = {
        **{name: lambda stage=stage: ours(asked, stage, rows, base, place) for name, stage in stages.items()},
        theirs: lambda: plain(asked, stages[PADDED], rows, base, place),
    }
    with tempfile.TemporaryDirectory() as name:
        if asked.llm2vec:
            sides[LLM2VEC] = lambda: llm2vec(asked, texts, base, dtype, place, Path(name))
        seconds: dict[str, list[float]] = {}
        for _ in range(asked.rounds):
            for side, run in sides.items():
                rate = max(rate, matmul_rate(place.device, getattr(torch, dtype), clock=asked.clock))
                seconds.setdefault(side, []).append(run())
                gc.collect()  # trainers hold models in circles
    report(asked, base, place, dtype, texts, {side: min(took) for side, took in seconds.items()}, rate)


class Batches:
    """Token ids of the measured steps (the first left out) by step and column, and how many tokens are predicted."""

    def __init__(self, steps: list[list[dict[str, Any]]]) -> None:
        self.steps = steps
        kept = [features for step in steps[1:] for features in step]
        masks = [np.asarray(features["attention_mask"]) for features in kept]
        self.lengths = np.concatenate([mask.sum(1) for mask in masks])
        self.padding = sum(mask.size for mask in masks) / self.lengths.sum()
        labels = [np.asarray(features["labels"])[:, 1:] for features in kept if "labels" in features]
        self.predicted = sum(int((each >= 0).sum()) for each in labels)


def batches(stage: TrainedStage, rows: Sequence[tuple[str, ...]], base: Base, place: Placement, steps: int) -> Batches:
    """What every side reads: as the trainers collate it."""
    with tempfile.TemporaryDirectory() as scratch:
        if stage.kind == "mntp":
            trainer = mntp_trainer(stage, rows, base, place, Path(scratch))
        else:
            trainer = contrastive_trainer(stage, rows, opened(base, place), Path(scratch))
        found = []
        for batch, _ in zip(trainer.get_train_dataloader(), range(steps), strict=False):
            columns = [batch] if stage.kind == "mntp" else trainer.collect_features(batch)[0]
            found.append(
                [
                    {name: value.tolist() for name, value in column.items() if torch.is_tensor(value)}
                    for column in columns
                ]
            )
    return Batches(found)


def opened(base: Base, place: Placement) -> Encoder:
    recipe = Recipe(attention="bidirectional")
    return build_encoder(base.folder, recipe, seed=None, place=place, name=base.name, revision=base.revision)


def job_of(
    stage: TrainedStage, base: Base, place: Placement, scratch: Path, start: Callable[[str], Encoder]
) -> StageJob:
    """What `stage` is trained with when nothing of it is kept."""
    return StageJob(
        base=base,
        recipe=Recipe(attention="bidirectional", stages=(stage,)),
        seed=0,
        fingerprint="",
        place=place,
        scratch=scratch,
        begin=lambda: None,
        start=start,
    )


def ours(
    asked: argparse.Namespace, stage: TrainedStage, rows: list[tuple[str, ...]], base: Base, place: Placement
) -> float:
    """Seconds of a step of `stage`, as `harness train` takes it."""
    steps = Steps(asked.steps, CLOCKS[asked.clock], place.device)
    with tempfile.TemporaryDirectory() as scratch:
        start = lambda device: opened(base, Placement(device=device, dtype="float32"))  # noqa: E731
        job = job_of(stage, base, place, Path(scratch), start)
        return timed(
            steps, lambda: stage.train(rows, job, TrainingWatch(steps.on_step_end, batch_size=stage.batch_size))
        )


def plain(
    asked: argparse.Namespace, stage: TrainedStage, rows: list[tuple[str, ...]], base: Base, place: Placement
) -> float:
    """Seconds of a step of their trainer on the same model, with its defaults."""
    steps = Steps(asked.steps, CLOCKS[asked.clock], place.device)
    with tempfile.TemporaryDirectory() as scratch:
        if stage.kind == "mntp":
            trainer = mntp_trainer(stage, rows, base, place, Path(scratch))
        else:
            trainer = contrastive_trainer(stage, rows, opened(base, place), Path(scratch))
        trainer.add_callback(steps)
        return timed(steps, trainer.train)


def timed(steps: Steps, train: Callable[[], Any]) -> float:
    try:
        train()
    except EnoughError:
        return steps.seconds
    sys.exit(f"the data give only {len(steps.ends)} steps; take a smaller --batch-size")


def settings(stage: TrainedStage, device: str, folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "max_steps": PLANNED,
        "per_device_train_batch_size": stage.batch_size,
        "learning_rate": stage.learning_rate,
        "bf16": stage.precision == "bfloat16",
        "seed": 0,
        "data_seed": 0,
        "use_cpu": device == "cpu",
        "save_strategy": "no",
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_drop_last": True,
    }


def contrastive_trainer(
    stage: TrainedStage, rows: Sequence[tuple[str, ...]], encoder: Encoder, folder: Path
) -> SentenceTransformerTrainer:
    model = encoder.model
    model[0].max_seq_length = stage.max_length
    columns = list(zip(*rows, strict=True)) if stage.kind == "supcon" else [[text for (text,) in rows]] * 2
    named = dict(zip(("anchor", "positive", "negative"), map(list, columns), strict=False))
    if stage.kind == "simcse":
        set_attention_dropout(encoder.backbone, 0.3)
    add_lora(encoder.backbone, Lora())
    shared = settings(stage, encoder.backbone.device.type, folder)
    return SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(batch_sampler=BatchSamplers.NO_DUPLICATES, **shared),
        train_dataset=Dataset.from_dict(named),
        loss=MultipleNegativesRankingLoss(model, scale=20.0),
    )


def mntp_trainer(stage: Any, rows: Sequence[tuple[str, ...]], base: Base, place: Placement, folder: Path) -> Trainer:
    """transformers' own trainer and model, on our visits and masks."""
    model = open_causal(base.folder, dtype=torch.float32, name=base.name)
    tokenizer = opened(base, Placement(device="cpu", dtype="float32")).model.tokenizer
    set_attention(model, "bidirectional")
    tokenizer.mask_token = mask_token(tokenizer, stage.mask_token)
    examples = examples_of(stage, [text for (text,) in rows], tokenizer)
    model.requires_grad_(False)
    add_lora(model.base_model, Lora())
    return Trainer(
        model=model,
        args=TrainingArguments(
            **settings(stage, place.device, folder), remove_unused_columns=False, train_sampling_strategy="sequential"
        ),
        train_dataset=Visits(examples, count=stage.steps * stage.batch_size, seed=0),
        data_collator=Masks(tokenizer, probability=stage.mask_probability, seed=0),
    )


def llm2vec(asked: argparse.Namespace, texts: Batches, base: Base, dtype: str, place: Placement, folder: Path) -> float:
    """Seconds of a step of llm2vec's classes on the same batches, by its own clock, in its own interpreter."""
    if not (folder / "theirs").exists():
        their_base(base.folder, folder / "theirs")
        (folder / "batches.json").write_text(json.dumps(texts.steps))
    return seconds_elsewhere(
        asked.llm2vec, "train_step_llm2vec.py", folder, asked.stage, place.device, dtype, asked.threads, asked.clock
    )


def report(
    asked: argparse.Namespace,
    base: Base,
    place: Placement,
    dtype: str,
    texts: Batches,
    seconds: dict[str, float],
    rate: float,
) -> None:
    shape = Shape.of(base.folder)
    steps = asked.steps - 1
    tokens = texts.lengths.sum() / steps
    needed = (2 * operations(shape, texts.lengths) + 4.0 * shape.hidden * shape.vocabulary * texts.predicted) / steps
    limit = needed / rate
    print(
        f"{asked.base}, {asked.stage}, {dtype}: batches of {asked.batch_size}, {tokens:,.0f} tokens a step, "
        f"{texts.padding:.2f} with padding for one"
    )
    print(f"{asked.rounds} rounds of {steps} steps, {asked.clock} seconds")
    print(f"matrix products: {needed / 1e9:,.0f} GFLOP a step at {rate / 1e9:,.0f} GFLOP/s")
    print(f"{described(place.device)}\n")
    print("| | s a step | tokens/s | of the matmul limit | packed is quicker |")
    print("| --- | ---: | ---: | ---: | ---: |")
    print(f"| matmul limit | {limit:.2f} | {tokens / limit:,.0f} | 100 % | |")
    for name, took in seconds.items():
        times = "" if name == PACKED else f"{took / seconds[PACKED]:.2f} ×"
        print(f"| {name} | {took:.2f} | {tokens / took:,.0f} | {100 * limit / took:.0f} % | {times} |")
    print(flush=True)


if __name__ == "__main__":
    main()
