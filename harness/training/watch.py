"""What a trainer tells the outside: each step, the loss curve, and a stop at the first loss that is no number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback

from harness.errors import HarnessError
from harness.training.checkpoints import last_checkpoint, mark_complete
from harness.training.kind import StageJob
from harness.training.processes import Processes
from harness.training.ramp import RampedMask
from harness.training.trained import TrainedStage

CHECKPOINTS = 10  # in a stage


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a stage is. `first` is the step it began or went on after; `loss` the newest mean, None before one."""

    done: int
    total: int
    first: int
    loss: float | None
    examples_per_s: float
    left_s: float


OnStep = Callable[[Step], None]


class TrainingWatch(TrainerCallback):
    """Forwards steps to `on_step` and keeps `losses`, a list of (step, mean loss since the last entry).

    `unused` counts the examples that the training cannot learn from, `tokens` those that it read. Training stops after
    step `until`; None: after the last. `mask`, if there is one, is told of each step.
    """

    def __init__(
        self,
        on_step: OnStep | None,
        *,
        batch_size: int,
        until: int | None = None,
        mask: RampedMask | None = None,
    ) -> None:
        self.on_step = on_step
        self.mask = mask
        self.batch_size = batch_size
        self.until = until
        self.tokens = 0
        self.losses: list[tuple[int, float]] = []
        self.unused = 0
        self._first = 0
        self._began = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._first, self._began = state.global_step, time.monotonic()
        self.tokens = state.num_input_tokens_seen
        self.losses = [(entry["step"], entry["loss"]) for entry in state.log_history if "loss" in entry]

    @contextmanager
    def counting(self, backbone: Any) -> Iterator[None]:
        """Count the tokens that `backbone` reads, once those that a cached gradient has read twice.

        Not by a hook: sentence-transformers calls `forward` itself.
        """
        plain = backbone.forward

        @wraps(plain)
        def forward(*args: Any, **options: Any) -> Any:
            if torch.is_grad_enabled():
                mask = options.get("attention_mask")
                self.tokens += int(mask.sum()) if mask is not None and mask.ndim == 2 else options["input_ids"].numel()
            return plain(*args, **options)

        backbone.forward = forward
        try:
            yield
        finally:
            backbone.forward = plain

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.mask is not None:
            self.mask.step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.num_input_tokens_seen = self.tokens
        if state.global_step == self.until:
            control.should_log = control.should_save = control.should_training_stop = True
        if self.on_step is None:
            return
        last = self.until or state.max_steps
        pace = max(time.monotonic() - self._began, 1e-9) / (state.global_step - self._first)
        self.on_step(
            Step(
                done=state.global_step,
                total=last,
                first=self._first,
                loss=self.losses[-1][1] if self.losses else None,
                examples_per_s=self.batch_size / pace,
                left_s=pace * (last - state.global_step),
            )
        )

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise HarnessError(
                f"the training loss became {loss} at step {state.global_step}; lower learning_rate in the card"
            )
        self.losses.append((state.global_step, float(loss)))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            mark_complete(Path(args.output_dir), state.global_step)


def arguments(stage: TrainedStage, job: StageJob) -> dict[str, Any]:
    """The trainer arguments that all stages share, from the fields of a card's stage."""
    on_each = Processes.here().share(stage.batch_size)
    return {
        "output_dir": str(job.scratch),
        "max_steps": stage.steps,
        "per_device_train_batch_size": on_each,
        "learning_rate": stage.learning_rate,
        "warmup_steps": stage.warmup_steps,
        "lr_scheduler_type": "linear" if stage.schedule == "linear" else "constant_with_warmup",
        "bf16": stage.precision == "bfloat16",
        "gradient_checkpointing": stage.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": job.seed,
        "data_seed": job.seed,
        "use_cpu": job.place.device == "cpu",
        "save_strategy": "steps",
        "save_steps": max(1, stage.steps // CHECKPOINTS),
        # Beside checkpoints of later steps, those of a stage that stops early would be taken for the oldest.
        "save_total_limit": 2 if stage.until is None else None,
        "logging_strategy": "steps",
        "logging_steps": max(1, stage.steps // 50),
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_drop_last": True,
        "dataloader_pin_memory": job.place.device != "cpu",
    }


def train(trainer: Trainer, watch: TrainingWatch, backbone: Any) -> None:
    """Run `trainer` of the decoder `backbone` quietly under `watch`, from the newest whole checkpoint that there is.

    Raises HarnessError if the training ended before its last step.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch)
    started = last_checkpoint(Path(trainer.args.output_dir), before=watch.until)
    with watch.counting(backbone):
        trainer.train(resume_from_checkpoint=str(started) if started else None)
    done, wanted = trainer.state.global_step, watch.until or trainer.args.max_steps
    if done < wanted:
        raise HarnessError(
            f"the training ended after {done} of {wanted} steps, for the data give too few batches; give more data or "
            "lower steps or batch_size in the card"
        )
