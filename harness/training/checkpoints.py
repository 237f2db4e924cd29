"""Resuming in mid-stage: what a checkpoint holds, and which one is whole.

A checkpoint is the trainer's own (optimiser, schedule, random states, position in the data) with the adapters alone in
place of the whole model. A marker is written last; a checkpoint without it was cut off by a kill and is passed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import HarnessError

_WEIGHTS = "adapters.safetensors"
_MARKER = "complete"


class AdapterCheckpoints:
    """A mixin for transformers' Trainer (and sentence-transformers'): save and load only what is trained."""

    model: Any

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        from safetensors.torch import save_file

        assert output_dir is not None
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        trained = {name: weight.detach().cpu() for name, weight in _trainable(self.model).items()}
        save_file(trained, Path(output_dir, _WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        import torch
        from safetensors.torch import load_file

        saved = load_file(Path(resume_from_checkpoint, _WEIGHTS))
        weights = _trainable(self.model)
        if saved.keys() != weights.keys():
            raise HarnessError(
                f"{resume_from_checkpoint} holds other weights than this stage trains; remove that folder"
            )
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(saved[name])


def mark_complete(folder: Path, step: int) -> None:
    """Say that the checkpoint of `step` is whole."""
    (folder / f"checkpoint-{step}" / _MARKER).touch()


def last_checkpoint(folder: Path, *, before: int | None = None) -> Path | None:
    """The newest whole checkpoint in `folder`, of a step `before` that one."""
    steps = {int(marker.parent.name.rpartition("-")[2]): marker.parent for marker in folder.glob(f"*-*/{_MARKER}")}
    return max(((step, path) for step, path in steps.items() if before is None or step < before), default=(0, None))[1]


def _trainable(model: Any) -> dict[str, Any]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
