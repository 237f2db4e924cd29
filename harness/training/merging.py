"""Weights as a chain: those of a base or a stage that holds all of them, and the adapters of the stages behind it.

Adapters are added in float32, tensor by tensor, whatever the precision of the model that is opened. The SHA-256 of the
sums must be the one that was stored when the last stage was trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bases import read_json
from harness.errors import HarnessError
from harness.fingerprint import stamp
from harness.training.lora import read_slots, read_updates
from harness.training.manifests import ADAPTER, MANIFEST, read_stage, stage_at

if TYPE_CHECKING:
    import torch

WHOLE_BYTES = 64 << 20  # a stage whose merged weights (float32) are no larger holds them beside its adapter
_INDEX = "model.safetensors.index.json"
_proven: dict[tuple[Path, ...], list[tuple[int, int]]] = {}  # files whose sums were right here: their stamps


@dataclass(frozen=True, kw_only=True)
class WeightChain:
    """The stages `folders` that hold an adapter only, first to last, and the folder `root` of the weights under them.

    `root` is None where these are the base's. `sha256` is that of the merged weights. With a `share` only that much of
    what the stages changed is merged, and `folders` are all of them, also those that hold all weights.
    """

    root: Path | None
    folders: tuple[Path, ...] = ()
    sha256: str | None = None
    share: float | None = None

    @classmethod
    def ending(cls, last: Path | None, *, share: float | None = None) -> WeightChain:
        """The chain of the stage in the folder `last`; without one, the base alone.

        Raises HarnessError if a stage of it is not in the cache, or was trained again since.
        """
        folders: list[Path] = []
        while last is not None and (share is not None or not is_whole(last)):
            folders.insert(0, last)
            last = _parent(last)
        sha256 = read_stage(folders[-1]).weights_sha256 if folders else None
        return cls(root=last, folders=tuple(folders), sha256=sha256, share=share)

    def merge(self, model: Any, *, root: Path) -> None:
        """Add the adapters to the weights of the transformers decoder `model`, which was opened from the folder `root`.

        Raises HarnessError if the sums are not the weights that the last stage was stored with.
        """
        import torch

        from harness.encoder.slots import slots_name

        adapters = [folder / ADAPTER for folder in self.folders]
        files = tuple(path for folder in (root, *adapters) for path in sorted(folder.glob("*.safetensors")))
        stamps = [stamp(path) for path in files]
        updates = [read_updates(model, adapter) for adapter in adapters]
        of_slots = slots_name(model)
        trained = [found for adapter in adapters if (found := read_slots(model, adapter)) is not None]
        weights = _in_order(model, slots=bool(trained))
        hashed = None if _proven.get(files) == stamps else WeightsHash(weights)
        with torch.no_grad(), _exact(model, root) as exact:
            for name, weight in weights.items():
                start = weight.float() if name == of_slots else exact(name, weight)
                merged = trained[-1].to(weight.device) if name == of_slots else start
                for update in updates:
                    if low_rank := update.get(name.removesuffix(".weight")):
                        merged = low_rank.added_to(merged)
                if hashed is not None:
                    hashed.add(merged)
                if self.share is not None and merged is not start:
                    merged = torch.lerp(start, merged, self.share)
                if merged is not weight:
                    weight.copy_(merged)
        if hashed is not None and hashed.sha256() != self.sha256:
            raise HarnessError(
                f"the weights in {root}, with the adapters up to {adapters[-1]} merged, are not the weights that were "
                "trained: the base has changed, or this machine or its libraries round otherwise; open the stage where "
                f"it was trained, or remove {self.folders[-1]} and run again: the stage is then trained again"
            )
        _proven[files] = stamps


def _parent(folder: Path) -> Path | None:
    manifest = read_stage(folder)
    if manifest.parent is None:
        return None
    parent = stage_at(folder.parent, manifest.parent)
    if not (parent / MANIFEST).is_file():
        raise HarnessError(
            f"{parent}, the stage under that in {folder}, is no longer in the cache; train the variant again: only "
            "what is missing is trained"
        )
    if manifest.parent_weights_sha256 not in {None, read_stage(parent).weights_sha256}:
        raise HarnessError(
            f"the stage in {folder} stands on the one in {parent}, which was trained again since with another result; "
            f"remove {folder} and run again: the stage is then trained again"
        )
    return parent


def is_whole(folder: Path) -> bool:
    """Whether the stage in `folder` holds all weights, merged, and not its adapter alone."""
    return any(folder.glob("*.safetensors"))


def fits_whole(model: Any) -> bool:
    """Whether a stage with the weights of `model` is to hold them merged; slots are never merged into an embedding."""
    from harness.encoder.slots import slots_of

    return slots_of(model) is None and sum(weight.numel() for weight in model.state_dict().values()) * 4 <= WHOLE_BYTES


def _in_order(model: Any, *, slots: bool) -> dict[str, torch.Tensor]:
    """The weights of `model` in the order of their names, with its slots only where `slots`."""
    from harness.encoder.slots import without_slots

    return dict(sorted((model.state_dict() if slots else without_slots(model)).items()))


class WeightsHash:
    """What a stage's manifest and the runs call its weights, made without the file: see stored.weights_sha256.

    It is the SHA-256 of that of the file model.safetensors, as transformers writes `weights`, which are in the order of
    their names, in float32.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        end = 0
        for name, weight in weights.items():
            start, end = end, end + 4 * weight.numel()
            head[name] = {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [start, end]}
        written = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
        written += b" " * (-len(written) % 8)
        self._digest = hashlib.sha256(len(written).to_bytes(8, "little") + written)

    def add(self, weight: torch.Tensor) -> None:
        """The next tensor, in the order of the names."""
        self._digest.update(weight.float().contiguous().cpu().numpy().data.cast("B"))

    def sha256(self) -> str:
        return hashlib.sha256(self._digest.digest()).hexdigest()


def merged_sha256(model: Any) -> str:
    """The SHA-256 of the weights of `model`, which are in float32."""
    weights = _in_order(model, slots=True)
    hashed = WeightsHash(weights)
    for weight in weights.values():
        hashed.add(weight)
    return hashed.sha256()


@contextmanager
def _exact(model: Any, root: Path) -> Iterator[Any]:
    """Inside, a function (name, weight of `model`) ─▶ that weight in float32, as the files of `root` have it.

    A model in float32 has it already; one in another precision may have rounded it, and it is read once more.
    """
    from safetensors import safe_open

    if all(weight.dtype.itemsize == 4 for weight in model.state_dict().values()):
        yield lambda name, weight: weight
        return
    one = root / "model.safetensors"
    names = {one.name} if one.is_file() else {str(name) for name in read_json(root / _INDEX)["weight_map"].values()}
    with ExitStack() as opened:
        files = [opened.enter_context(safe_open(root / name, framework="pt")) for name in sorted(names)]
        where = {name: file for file in files for name in file.keys()}  # noqa: SIM118 (no mapping)

        def read(name: str, weight: torch.Tensor) -> torch.Tensor:
            stored = next((each for each in (name, f"model.{name}") if each in where), None)
            if stored is None:
                raise HarnessError(f"{root} calls {name} otherwise; use --dtype float32")
            found: torch.Tensor = where[stored].get_tensor(stored).float()
            return found

        yield read
