"""A stage's folder that is not what was written: noticed wherever the stage is used."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bases import Base, resolve_base
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.training import parse_recipe, stored
from harness.training.lineage import PlannedStage, plan_lineage
from harness.training.stages import stage_folder, train_lineage

CPU = Placement(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with a lineage of two short stages."""
    cache = tmp_path_factory.mktemp("trained")
    train_lineage(resolve_base(str(tiny_base)), plan(tiny_base), cache=cache, place=CPU)
    return cache


@pytest.fixture
def base(tiny_base: Path, trained: Path) -> Base:
    """The base, with a copy of the trained stages in this test's cache."""
    shutil.copytree(trained, cache_folder(), dirs_exist_ok=True)
    return resolve_base(str(tiny_base))


def plan(tiny_base: Path) -> tuple[PlannedStage, ...]:
    common = {"examples": 16, "steps": 1, "batch_size": 4, "max_length": 16, "learning_rate": 1e-2}
    stages = [{"kind": kind, **common} for kind in ("mntp", "simcse")]
    return plan_lineage(resolve_base(str(tiny_base)), parse_recipe({"attention": "causal", "stages": stages}), 0)


def flip(path: Path) -> None:
    kept = bytearray(path.read_bytes())
    kept[-100] ^= 0x80
    path.write_bytes(kept)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))  # whatever the clock's resolution


def swap_manifest(folder: Path) -> None:
    (other,) = set(folder.parent.glob("*/")) - {folder}
    shutil.copy(other / "stage.json", folder)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights": (lambda folder: flip(folder / "model.safetensors"), "model.safetensors is not as it was"),
    "adapter": (lambda folder: flip(folder / "adapter" / "adapter_model.safetensors"), "is not as it was"),
    "tokenizer": (lambda folder: flip(folder / "tokenizer.json"), "tokenizer.json is not as it was"),
    "gone": (lambda folder: (folder / "config.json").unlink(), "no longer has its file config.json"),
    "more": (lambda folder: (folder / "adapter_config.json").write_text("{}"), "does not belong to it, adapter_config"),
    "manifest": (swap_manifest, "belongs to another stage"),
    "truncated": (lambda folder: (folder / "stage.json").write_text("{"), "cannot be read"),
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 1], ids=["parent", "last"])
@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_is_noticed_in_any_stage_of_the_lineage(base: Base, damage: str, stage: int) -> None:
    lineage = plan(base.folder)
    train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    harm, sentence = DAMAGES[damage]
    harm(stage_folder(lineage[stage], cache_folder()))
    with pytest.raises(HarnessError, match=f"{sentence}.*run again"):
        train_lineage(base, lineage, cache=cache_folder(), place=CPU)


@pytest.mark.slow
def test_files_are_read_only_after_a_change_and_for_an_export(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(base.folder)[0]
    folder = stage_folder(planned, cache_folder())
    stored.check_stage(folder, planned.digest)  # the copy has new times: read once
    reads: list[Path] = []
    record_of = stored.record_of
    monkeypatch.setattr(stored, "record_of", lambda path: reads.append(path) or record_of(path))
    stored.check_stage(folder, planned.digest)
    assert not reads
    weights = folder / "model.safetensors"
    before = weights.stat()
    flip(weights)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(HarnessError, match=r"model\.safetensors is not as it was"):
        stored.check_stage(folder, planned.digest)  # although the time of the last writing is what it was
    stamps = {path: row[:2] for path, row in (stored._recorded(folder) or {}).items()}
    monkeypatch.setattr(stored, "stamp", lambda path: stamps[str(path.relative_to(folder))])
    stored.check_stage(folder, planned.digest)  # a bad disk changes no time: that is what the export is careful about
    with pytest.raises(HarnessError, match=r"model\.safetensors is not as it was"):
        stored.check_stage(folder, planned.digest, whole=True)
    assert len(reads) == 2


@pytest.mark.slow
def test_a_stage_of_an_older_harness_gets_its_record_once(base: Base) -> None:
    planned = plan(base.folder)[0]
    folder = stage_folder(planned, cache_folder())
    (folder / stored.FILES).unlink()
    flip(folder / "model.safetensors")
    with pytest.raises(HarnessError, match=r"model\.safetensors is not as it was"):
        stored.check_stage(folder, planned.digest)
    flip(folder / "model.safetensors")
    stored.check_stage(folder, planned.digest)
    assert "model.safetensors" in json.loads((folder / stored.FILES).read_text())
