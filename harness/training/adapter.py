"""A published adapter in place of training: where it lies, its address, and whether it belongs to this base."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.bases import Base
from harness.errors import HarnessError
from harness.hub import is_hub_id, snapshot
from harness.stage_record import StageData
from harness.training.kind import MadeAdapter, StageJob, StageKind
from harness.training.lora import CONFIG, WEIGHTS, check_adapter


class AdapterStage(StageKind):
    """A published LoRA adapter in PEFT format, merged into the weights in place of training.

    `source` is a hub id or a folder. `trained_on` is the base that the adapter's own config names, where that is not
    the base it is merged into. `data` names what it was trained on, as its authors say.
    """

    seeded: ClassVar[bool] = False
    instead_of_training: ClassVar[str | None] = "adapters"

    kind: Literal["adapter"] = "adapter"
    source: str = Field(min_length=1)
    revision: str | None = None
    trained_on: str | None = None
    data: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"adapter {_last(self.source)}"

    @property
    def doing(self) -> str:
        return f"{self.name}: merging the published weights"

    def fingerprint(self, base: Base) -> str:
        """The revision of the adapter."""
        return find_adapter(self, base)[1]

    def identity(self, seed: int) -> dict[str, Any]:
        """The kind alone: an adapter is its revision, whatever the seed."""
        return {"stage": self.kind}

    def make(self, job: StageJob) -> MadeAdapter:
        job.begin()
        folder, _ = find_adapter(self, job.base)
        return MadeAdapter(folder=folder, device="cpu", data=StageData(sources=(self.source, *self.data)))


def find_adapter(stage: AdapterStage, base: Base) -> tuple[Path, str]:
    """Fetch and check the adapter of `stage`; return its folder and its revision.

    The revision is the hub's commit, or the sha256 of the files of a folder.

    Raises HarnessError if it is not there, is not in safetensors, or names another base than `base` (and the card
    does not say so with `trained_on`).
    """
    folder = Path(stage.source).expanduser()
    if folder.is_dir():
        check_adapter(folder)
        digest = hashlib.sha256()
        for name in (CONFIG, WEIGHTS):
            digest.update((folder / name).read_bytes())
        folder, revision = folder.resolve(), digest.hexdigest()
    elif is_hub_id(stage.source):
        folder = snapshot(
            stage.source, revision=stage.revision, patterns=["adapter_*.json", "*.safetensors"], what="the adapter"
        )
        check_adapter(folder)
        revision = folder.name
    else:
        raise HarnessError(f"the adapter {stage.source!r} is neither a folder here nor a hub id; correct the card")
    _belongs(stage, folder, base)
    return folder, revision


def _belongs(stage: AdapterStage, folder: Path, base: Base) -> None:
    config = folder / CONFIG
    try:
        declared = str(dict(json.loads(config.read_bytes())).get("base_model_name_or_path") or "")
    except (ValueError, TypeError):
        raise HarnessError(f"{config} is not a JSON object; fetch the adapter again") from None
    same = _last(declared) == _last(base.name)
    if declared and not same and stage.trained_on != declared:
        raise HarnessError(
            f"the adapter {stage.source} is for another base: it was trained on {declared}, this is {base.name}; if "
            f"they are the same weights, say so in the card with trained_on: {declared}"
        )


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
