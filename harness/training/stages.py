"""A planned stage ─▶ its folder, made once. A folder with a manifest is complete; the manifest is written last.

A stage's folder is a finished encoder: `SentenceTransformer(folder)` opens it. `adapter/` in it holds what the stage
trained (or the published adapter), in PEFT format; the weights beside it have that adapter merged.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from harness.bases import Base
from harness.errors import HarnessError
from harness.paths import cache_folder, whole_folder
from harness.provenance import collect
from harness.recipes import AdapterStage, MntpStage
from harness.training.adapters import find_adapter
from harness.training.lineage import PlannedStage
from harness.training.lora import CONFIG, WEIGHTS, merge_adapter, save_adapter
from harness.training.manifests import MANIFEST, TEXTS, write_texts
from harness.training.ranks import Ranks

if TYPE_CHECKING:
    from harness.encoder.model import Encoder
    from harness.training.watch import OnStep, Watch

ADAPTER = "adapter"
OnStage = Callable[[PlannedStage], "OnStep | None"]
_PATIENCE_S = 6 * 3600


def stage_folder(planned: PlannedStage) -> Path:
    return cache_folder() / "stages" / planned.digest[:32]


def is_trained(planned: PlannedStage) -> bool:
    return (stage_folder(planned) / MANIFEST).is_file()


def train_lineage(
    base: Base, lineage: Sequence[PlannedStage], *, device: str, on_stage: OnStage | None = None
) -> Path | None:
    """Make whatever of `lineage` is not there yet; return the last stage's folder (None for an empty lineage).

    `on_stage` is called as a stage starts and returns what is called after each step. Another process that trains
    the same stage is waited for. After a kill the stage in progress goes on from its last checkpoint.
    """
    ranks = Ranks.here()
    ranks.join(device)
    for planned in lineage:
        folder = stage_folder(planned)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(folder) + ".lock", timeout=_PATIENCE_S)
        try:
            with ranks.one_at_a_time(lambda lock=lock: lock):  # type: ignore[misc]
                if not ranks.agree(is_trained(planned)):
                    _make(base, planned, folder, device, on_stage if ranks.first else None)
                if ranks.first:  # also what a run left that was killed as the stage stood already
                    shutil.rmtree(_scratch(folder), ignore_errors=True)
        except Timeout:
            raise HarnessError(
                f"another process has held the stage {folder.name} for six hours; end it and run again"
            ) from None
    return stage_folder(lineage[-1]) if lineage else None


def _make(base: Base, planned: PlannedStage, folder: Path, device: str, on_stage: OnStage | None) -> None:
    """Train the adapter of a stage, or take the published one; then merge it and write the folder."""
    started = time.monotonic()
    if isinstance(planned.stage, AdapterStage):
        if on_stage is not None:
            on_stage(planned)
        adapter, made = find_adapter(planned.stage, base).folder, {"data": {"declared": list(planned.stage.data)}}
        _write(base, planned, folder, adapter, made | {"device": "cpu", "seconds": _since(started)})
        return
    scratch = _scratch(folder)
    made = _train(base, planned, scratch, device, on_stage)
    if Ranks.here().first:
        noted = made | {"device": device, "seconds": _since(started)}
        _write(base, planned, folder, scratch / ADAPTER, noted, texts=scratch / TEXTS)


def _scratch(folder: Path) -> Path:
    """Where a stage is trained: beside its folder, whatever process goes on with it."""
    return folder.with_name(f"{folder.name}.part")


def _train(base: Base, planned: PlannedStage, scratch: Path, device: str, on_stage: OnStage | None) -> dict[str, Any]:
    """Train in `scratch`, where checkpoints outlive a kill; leave the adapter there and return what to note of it."""
    from harness.training.watch import Watch

    stage, data = planned.stage, planned.data
    assert data is not None
    assert not isinstance(stage, AdapterStage)
    rows = data.rows()
    if len(rows) < stage.batch_size and not data.in_order:
        raise HarnessError(
            f"the {stage.kind} stage has {len(rows)} examples for batches of {stage.batch_size}; "
            "give more data or lower batch_size in the card"
        )
    watch = Watch(on_stage(planned) if on_stage else None, batch_size=stage.batch_size)
    try:
        backbone = _backbone(base, planned, rows, device=device, folder=scratch, watch=watch)
    except HarnessError:
        shutil.rmtree(scratch, ignore_errors=True)  # a checkpoint on the way to a loss of NaN is no place to go on from
        raise
    if Ranks.here().first:
        save_adapter(backbone, scratch / ADAPTER, base_name=base.name)
        write_texts(scratch, (text for row in rows for text in row))
    noted = {"source": data.source, "examples": len(rows), "fingerprint": planned.fingerprint}
    return {"data": noted, "losses": watch.losses}


def _backbone(
    base: Base, planned: PlannedStage, rows: list[tuple[str, ...]], *, device: str, folder: Path, watch: Watch
) -> Any:
    stage, seed = planned.stage, planned.seed
    if isinstance(stage, MntpStage):
        from harness.training.mntp import train_mntp

        return train_mntp(
            stage,
            planned.recipe,
            [text for (text,) in rows],
            base=base.folder,
            start=_start(base, planned, device="cpu").backbone.state_dict(),
            seed=seed,
            device=device,
            folder=folder,
            watch=watch,
        )
    assert not isinstance(stage, AdapterStage)
    from harness.training.contrastive import train_contrastive

    start = _start(base, planned, device=device)
    return train_contrastive(stage, rows, start=start, seed=seed, device=device, folder=folder, watch=watch)


def _start(base: Base, planned: PlannedStage, *, device: str) -> Encoder:
    """The encoder a stage starts from, in float32: its parent, or the base as the recipe wants it."""
    from harness.encoder.model import build_encoder
    from harness.encoder.placement import Placement

    checkpoint, recipe = base.folder, planned.recipe
    if planned.parent is not None:
        checkpoint, recipe = stage_folder(planned.parent), recipe.model_copy(update={"weights": "pretrained"})
    place = Placement(device=device, dtype="float32")
    return build_encoder(checkpoint, recipe, seed=planned.seed, place=place, name=base.name, revision=planned.digest)


def _write(
    base: Base, planned: PlannedStage, folder: Path, adapter: Path, made: dict[str, Any], *, texts: Path | None = None
) -> None:
    """Merge `adapter` into the weights the stage starts from, and write the stage's folder whole."""
    encoder = _start(base, planned, device="cpu")
    merge_adapter(encoder.backbone, adapter)
    with whole_folder(folder) as building:
        encoder.save(building)
        (building / ADAPTER).mkdir()
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(adapter / name, building / ADAPTER / name)
        if texts is not None:
            shutil.copyfile(texts, building / TEXTS)
        manifest = {
            "digest": planned.digest,
            "name": planned.name,
            "kind": planned.stage.kind,
            "recipe": planned.stage.model_dump(mode="json"),
            "attention": planned.recipe.attention,
            "parent": planned.parent.digest if planned.parent else None,
            "base": {"name": base.name, "revision": base.revision},
            "seed": planned.seed,
            "losses": [],
            **made,
            "weights_sha256": _weights_sha256(building),
            "provenance": collect(device=str(made["device"]), dtype="float32"),
        }
        (building / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _weights_sha256(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
