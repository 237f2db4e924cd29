"""What a trained stage's folder says of itself: its manifest, and the hashes of the texts it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from harness.contamination.texts import Hashes, text_hashes
from harness.errors import HarnessError
from harness.stage_record import StageManifest

# What lies in a stage's folder besides a saved encoder.
MANIFEST = "stage.json"
TEXTS = "texts.npy"
ADAPTER = "adapter"


def stage_at(stages: Path, digest: str) -> Path:
    """The folder in `stages` of the stage with the address `digest`."""
    return stages / digest[:32]


def read_stage(folder: Path) -> StageManifest:
    """The manifest of the stage in `folder`. Raises HarnessError if there is none."""
    path = folder / MANIFEST
    try:
        return StageManifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise HarnessError(
            f"{path} cannot be read; remove its folder and run again: the stage is then trained again"
        ) from None


def write_texts(folder: Path, texts: Iterable[str]) -> None:
    """Keep the hashes of the training `texts` in `folder`, for counting what evaluation tasks share with them."""
    np.save(folder / TEXTS, text_hashes(texts), allow_pickle=False)


def read_texts(folder: Path) -> Hashes | None:
    """The hashes of the stage's training texts, sorted; None if it kept none (an adapter, or an older harness)."""
    path = folder / TEXTS
    if not path.is_file():
        return None
    try:
        hashes: Hashes = np.load(path, allow_pickle=False).astype(np.uint64)
    except (OSError, ValueError):
        raise HarnessError(
            f"{path} cannot be read; remove its folder and run again: the stage is then trained again"
        ) from None
    return hashes
