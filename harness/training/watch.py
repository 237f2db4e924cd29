"""What a trainer tells the outside: each step, the loss curve, and a stop at the first loss that is no number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback

from harness.errors import HarnessError

OnStep = Callable[[int, int], None]  # (steps done, steps in all)


class Watch(TrainerCallback):
    """Forwards steps to `on_step` and keeps `losses`, a list of (step, mean loss since the last entry)."""

    def __init__(self, on_step: OnStep | None) -> None:
        self.on_step = on_step
        self.losses: list[tuple[int, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.on_step is not None:
            self.on_step(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        loss = (logs or {}).get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise HarnessError(
                f"the training loss became {loss} at step {state.global_step}; lower learning_rate in the card"
            )
        self.losses.append((state.global_step, float(loss)))


def arguments(stage: Any, *, seed: int, device: str, folder: str) -> dict[str, Any]:
    """The trainer arguments that all stages share, from the fields of a card's stage."""
    return {
        "output_dir": folder,
        "max_steps": stage.steps,
        "per_device_train_batch_size": stage.batch_size,
        "learning_rate": stage.learning_rate,
        "warmup_steps": stage.warmup_steps,
        "seed": seed,
        "data_seed": seed,
        "use_cpu": device == "cpu",
        "save_strategy": "no",
        "logging_strategy": "steps",
        "logging_steps": max(1, stage.steps // 50),
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_drop_last": True,
        "dataloader_pin_memory": device != "cpu",
    }


def train(trainer: Trainer, watch: Watch) -> None:
    """Run `trainer` quietly under `watch`."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch)
    trainer.train()
