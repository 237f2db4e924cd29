"""A planned stage ─▶ its folder, trained once. A folder with a manifest is complete; the manifest is written last.

A stage's folder is a finished encoder: `SentenceTransformer(folder)` opens it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.bases import Base
from harness.errors import HarnessError
from harness.paths import cache_folder, whole_folder
from harness.provenance import collect
from harness.training.lineage import PlannedStage

MANIFEST = "stage.json"
OnStage = Callable[[PlannedStage], Callable[[int, int], None] | None]


def stage_folder(planned: PlannedStage) -> Path:
    return cache_folder() / "stages" / planned.digest[:32]


def is_trained(planned: PlannedStage) -> bool:
    return (stage_folder(planned) / MANIFEST).is_file()


def train_lineage(
    base: Base, lineage: Sequence[PlannedStage], *, device: str, on_stage: OnStage | None = None
) -> Path | None:
    """Train whatever of `lineage` is not there yet; return the last stage's folder (None for an empty lineage).

    `on_stage` is called as a stage starts and returns what is called after each step. Another process that trains
    the same stage is waited for. A kill loses the stage in progress and nothing before it.
    """
    for planned in lineage:
        folder = stage_folder(planned)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(str(folder) + ".lock", timeout=6 * 3600):
                if not is_trained(planned):
                    _train(base, planned, folder, device, on_stage)
        except Timeout:
            raise HarnessError(
                f"another process has held the stage {folder.name} for six hours; end it and run again"
            ) from None
    return stage_folder(lineage[-1]) if lineage else None


def _train(base: Base, planned: PlannedStage, folder: Path, device: str, on_stage: OnStage | None) -> None:
    from harness.training.watch import Watch

    rows = planned.data.rows()
    watch = Watch(on_stage(planned) if on_stage else None)
    started = time.monotonic()
    parent = stage_folder(planned.parent) if planned.parent else None
    with tempfile.TemporaryDirectory() as scratch:
        backbone = _backbone(base, planned, rows, parent=parent, device=device, folder=Path(scratch), watch=watch)
    with whole_folder(folder) as building:
        _save(backbone, base, planned, building)
        manifest = {
            "digest": planned.digest,
            "kind": planned.stage.kind,
            "recipe": planned.stage.model_dump(mode="json"),
            "attention": planned.recipe.attention,
            "parent": planned.parent.digest if planned.parent else None,
            "base": {"name": base.name, "revision": base.revision},
            "seed": planned.seed,
            "data": {"source": planned.data.source, "examples": len(rows), "fingerprint": planned.data_fingerprint},
            "losses": watch.losses,
            "seconds": round(time.monotonic() - started, 1),
            "weights_sha256": hashlib.sha256((building / "model.safetensors").read_bytes()).hexdigest(),
            "provenance": collect(device=device, dtype="float32"),
        }
        (building / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _backbone(base: Base, planned: PlannedStage, rows: list[tuple[str, ...]], **options: Any) -> Any:
    stage = planned.stage
    if len(rows) < stage.batch_size:
        raise HarnessError(
            f"the {stage.kind} stage has {len(rows)} examples for batches of {stage.batch_size}; "
            "give more data or lower batch_size in the card"
        )
    if stage.kind == "mntp":
        from harness.training.mntp import train_mntp

        return train_mntp(
            stage, planned.recipe, [text for (text,) in rows], base=base.folder, seed=planned.seed, **options
        )
    from harness.training.contrastive import train_contrastive

    return train_contrastive(stage, planned.recipe, rows, base=base.folder, seed=planned.seed, **options)


def _save(backbone: Any, base: Base, planned: PlannedStage, folder: Path) -> None:
    """Wrap the trained backbone as an encoder (the base's tokenizer, this recipe's pooling) and write it."""
    from harness.encoder.model import build_encoder
    from harness.encoder.placement import Placement

    recipe = planned.recipe.model_copy(update={"weights": "pretrained"})
    place = Placement(device="cpu", dtype="float32")
    encoder = build_encoder(base.folder, recipe, seed=None, place=place, name=base.name, revision=planned.digest)
    encoder.backbone.load_state_dict(backbone.state_dict())
    encoder.save(folder)
