"""A planned stage ─▶ its folder, made once. A folder with a manifest is complete; the manifest is written last.

`adapter/` in a stage's folder holds what the stage trained (or the published adapter), in PEFT format. The folder of a
small one is a finished encoder besides, which `SentenceTransformer(folder)` opens: its weights have the adapter merged.
Those of a larger one are merged when it is opened (harness.training.merging).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from harness.bases import Base
from harness.errors import HarnessError
from harness.paths import room_for, whole_folder
from harness.provenance import collect
from harness.recipes import Recipe
from harness.stage_record import StageFields, StageManifest
from harness.training.kind import MadeAdapter, StageJob
from harness.training.lineage import PlannedStage
from harness.training.lora import CONFIG, SLOTS, WEIGHTS, merge_adapter
from harness.training.manifests import ADAPTER, MANIFEST, TEXTS, read_stage, stage_at
from harness.training.merging import WeightChain, fits_whole, merged_sha256
from harness.training.processes import Processes
from harness.training.stored import check_stage, record_of, weights_sha256, write_record

if TYPE_CHECKING:
    from harness.encoder.model import Encoder
    from harness.encoder.placement import Placement
    from harness.training.watch import OnStep

OnStage = Callable[[PlannedStage], "OnStep | None"]
_PATIENCE_S = 6 * 3600


def stage_folder(planned: PlannedStage, cache: Path) -> Path:
    """Where the stage lies in the folder `cache`, trained or not."""
    return stage_at(cache / "stages", planned.digest)


def is_trained(planned: PlannedStage, cache: Path) -> bool:
    return (stage_folder(planned, cache) / MANIFEST).is_file()


def open_latest(recipe: Recipe, *, last: Path | None, base: Path | None, **options: Any) -> Encoder:
    """The encoder of `recipe` with the weights of the stage in the folder `last`; without stages with those of `base`.

    A stage's weights are never drawn anew. `base` may be None where that stage or one before it holds all weights.
    `options` as in build_encoder. Raises HarnessError if merged weights are not those that were trained.
    """
    from harness.encoder.model import build_encoder

    chain = WeightChain.ending(last, share=recipe.trained_share)
    root = chain.root or base
    assert root is not None
    if last is not None:
        recipe = recipe.model_copy(update={"weights": "pretrained"})
    merge = partial(chain.merge, root=root) if chain.folders else None
    encoder = build_encoder(root, recipe, merge=merge, **options)
    if encoder.opening is not None:
        encoder.opening = replace(encoder.opening, merged=len(chain.folders), share=chain.share)
    return encoder


def train_lineage(
    base: Base, lineage: Sequence[PlannedStage], *, cache: Path, place: Placement, on_stage: OnStage | None = None
) -> Path | None:
    """Make whatever of `lineage` is not in `cache` yet; return the last stage's folder (None for an empty lineage).

    Training is on the device of `place`. `on_stage` is called as a stage starts and returns what is called after each
    step. Another process that trains the same stage is waited for. After a kill the stage in progress goes on from its
    last checkpoint. Raises HarnessError if a stage in `cache` is not what was stored there, and before any training if
    the data of a later stage do not suffice.
    """
    processes = Processes.here()
    processes.join(place.device)
    lacking = [planned for planned in lineage if not is_trained(planned, cache)]
    for planned in lacking[1:]:
        planned.stage.check(base, planned.seed)
    for planned in lineage:
        folder = stage_folder(planned, cache)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_scratch(planned, cache).with_suffix(".lock"), timeout=_PATIENCE_S)
        try:
            with room_for(folder), processes.one_at_a_time(lambda lock=lock: lock):  # type: ignore[misc]
                if processes.agree(is_trained(planned, cache)):
                    check_stage(folder, planned.digest)
                else:
                    _make(base, planned, cache, place, on_stage if processes.first else None)
                if (
                    processes.first and planned.digest == planned.whole
                ):  # also what a run left that was killed when the stage was complete already
                    shutil.rmtree(_scratch(planned, cache), ignore_errors=True)
        except Timeout:
            raise HarnessError(
                f"another process has been training the stage {folder.name} for six hours; end it and run again"
            ) from None
    return stage_folder(lineage[-1], cache) if lineage else None


def _make(base: Base, planned: PlannedStage, cache: Path, place: Placement, on_stage: OnStage | None) -> None:
    """Train the adapter of a stage, or take the published one; then merge it and write the folder."""
    started = time.monotonic()
    job = StageJob(
        base=base,
        recipe=planned.recipe.as_trained(),
        seed=planned.seed,
        fingerprint=planned.fingerprint,
        place=place,
        scratch=_scratch(planned, cache),
        begin=lambda: on_stage(planned) if on_stage else None,
        start=lambda device: _start(base, planned, cache, replace(place, device=device)),
    )
    made = planned.stage.make(job)
    if Processes.here().first:
        _write(planned, made, job, stage_folder(planned, cache), started)


def _scratch(planned: PlannedStage, cache: Path) -> Path:
    """Where a stage is trained: next to its folder, so that any process can go on with it.

    One that stops before its last step is on the way to the whole one, and leaves its checkpoint for those behind it.
    """
    whole = stage_at(cache / "stages", planned.whole)
    return whole.with_name(f"{whole.name}.part")


def _start(base: Base, planned: PlannedStage, cache: Path, place: Placement) -> Encoder:
    """The encoder a stage starts from, in float32: its parent, or the base as the recipe wants it."""
    return open_latest(
        planned.recipe.as_trained(),
        last=stage_folder(planned.parent, cache) if planned.parent else None,
        base=base.folder,
        seed=planned.seed,
        place=replace(place, dtype="float32"),
        name=base.name,
        revision=planned.digest,
    )


def _write(planned: PlannedStage, made: MadeAdapter, job: StageJob, folder: Path, started: float) -> None:
    """Merge the adapter into the weights that the stage starts from, and write the stage's folder whole.

    What was drawn at random has no file that it could be merged into again, so such a stage always holds all weights.
    """
    seconds = round(time.monotonic() - started, 1)
    encoder = job.start("cpu")
    merge_adapter(encoder.backbone, made.folder)
    whole = fits_whole(encoder.backbone) or planned.recipe.weights == "random"
    alone: dict[str, Any] = {}
    if not whole and planned.parent is not None:
        parent = read_stage(stage_at(folder.parent, planned.parent.digest))
        alone["parent_weights_sha256"] = parent.weights_sha256
    with whole_folder(folder) as building:
        if whole:
            encoder.save(building)
        (building / ADAPTER).mkdir()
        for path in (made.folder / name for name in (CONFIG, WEIGHTS, SLOTS)):
            if path.is_file():
                shutil.copyfile(path, building / ADAPTER / path.name)
        if made.texts is not None:
            shutil.copyfile(made.texts, building / TEXTS)
        record = record_of(building)
        write_record(building, record)
        manifest = StageManifest(
            version=2,
            digest=planned.digest,
            name=planned.name,
            kind=planned.stage.kind,
            recipe=StageFields.model_validate(planned.stage.model_dump(mode="json")),
            attention=planned.recipe.attention,
            parent=planned.parent.digest if planned.parent else None,
            base={"name": job.base.name, "revision": job.base.revision},
            seed=planned.seed,
            losses=made.losses,
            trained=made.trained,
            tokens=made.tokens,
            data=made.data,
            device=made.device,
            seconds=seconds,
            weights_sha256=weights_sha256(record) if whole else merged_sha256(encoder.backbone),
            **alone,
            provenance=collect(device=made.device, dtype="float32"),
        )
        (building / MANIFEST).write_text(json.dumps(manifest.plain(), indent=1), encoding="utf-8")
