"""A GGUF file ─▶ a folder in the cache with config, safetensors and tokenizer, made once.

The folder is named by the hash of the GGUF file and by the version of the conversion. Its manifest is written last.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.fingerprint import fingerprint
from harness.gguf.config import GgufArchitecture, architecture_of, config_of, weight_name
from harness.gguf.reading import PLAIN, GgufFile, GgufTensor, read_gguf
from harness.gguf.sources import GgufSource
from harness.paths import alone_at, cache_folder, told, whole_folder

if TYPE_CHECKING:
    import torch

MANIFEST = "gguf.json"
_MEANING = 1  # of the weights and tokens that come out; a new one makes new revisions
VERSION = 2  # of what is written; a folder of an older one is made again, with the same revision
_SHARD_BYTES = 2 << 30
_SPARE_BYTES = 64 << 20  # for tokenizer.json and the rest
_WHOLE = "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a converted folder says of itself: `stored` is how the weights lay in the GGUF file, `files` hash it."""

    revision: str
    base: str
    file: str
    sha256: str
    version: int
    stored: str
    licence: str
    files: str

    @property
    def origin(self) -> str:
        """For the provenance of a run."""
        return f"{self.stored}; {self.file}, SHA-256 {self.sha256[:16]}…"


def revision_of(sha256: str) -> str:
    """Names the GGUF file with this hash and how weights and tokens are made of it."""
    return hashlib.sha256(f"gguf {_MEANING} {sha256}".encode()).hexdigest()


def folder_of(revision: str) -> Path:
    """Where the base with this revision lies in the cache, converted or not."""
    return cache_folder() / "bases" / revision


def read_converted(folder: Path) -> Converted | None:
    """The manifest of a converted folder, if it is one of this version and its files are those that were written."""
    found = read_manifest(folder)
    whole = found is not None and found.version == VERSION and found.files == fingerprint(folder, _written(folder))
    return found if whole else None


def read_manifest(folder: Path) -> Converted | None:
    """The manifest of a converted folder, if it is one."""
    try:
        return Converted(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def convert(source: GgufSource) -> tuple[Path, Converted]:
    """The folder of `source` in the cache, made if it is not there; a damaged one is made again.

    Raises HarnessError for a file that cannot be converted, before anything is written.
    """
    folder = folder_of(revision_of(source.sha256))
    if found := read_converted(folder):
        return folder, found
    plan = _Plan.of(source, source.parts[0]) if len(source.parts) == 1 else None
    _check_room(folder, plan.bytes if plan else source.size)
    with alone_at(folder):
        if found := read_converted(folder):
            return folder, found
        said = told(f"converting {source.file} into the cache, once", f"converted {source.file}")
        with said, whole_folder(folder) as building, source.whole(building) as path:
            if plan is None:
                plan = _Plan.of(source, path)
                _check_room(folder, plan.bytes)
            found = plan.write(building)
    return folder, found


def _check_room(folder: Path, wanted: int) -> None:
    there = next(parent for parent in folder.absolute().parents if parent.is_dir())
    if (free := shutil.disk_usage(there).free) < wanted:
        raise HarnessError(
            f"the conversion of a GGUF file needs {wanted / 1e9:.1f} GB at {folder.parent}, where {free / 1e9:.1f} GB "
            "are free; make room there, or name another folder with HARNESS_CACHE"
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A GGUF file that can be converted, and what it becomes."""

    source: GgufSource
    file: GgufFile
    known: GgufArchitecture
    config: dict[str, Any]
    tokenizer: Any
    tokenizer_config: dict[str, Any]
    names: dict[str, str]

    @classmethod
    def of(cls, source: GgufSource, path: Path) -> _Plan:
        from harness.gguf.tokens import tokenizer_of

        file = read_gguf(path, name=source.file)
        known = architecture_of(file)
        _check_kinds(file)
        names = {tensor: weight_name(file, tensor, known) for tensor in file.tensors}
        config = config_of(file, known)
        tokenizer, tokenizer_config = tokenizer_of(file)
        return cls(
            source=source,
            file=file,
            known=known,
            config=config,
            tokenizer=tokenizer,
            tokenizer_config=tokenizer_config,
            names={tensor: name for tensor, name in names.items() if name is not None},
        )

    @property
    def bytes(self) -> int:
        """That are written, at most."""
        return _SPARE_BYTES + sum(_bytes(self.file.tensors[tensor]) for tensor in self.names)

    def write(self, folder: Path) -> Converted:
        """Write everything into `folder`, the manifest last."""
        self._write_weights(folder)
        _write_json(folder / "config.json", self.config)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        _write_json(folder / "tokenizer_config.json", self.tokenizer_config)
        for licence in self.source.licences:
            shutil.copyfile(licence, folder / licence.name)
        made = Converted(
            revision=revision_of(self.source.sha256),
            base=self.source.base,
            file=self.source.file,
            sha256=self.source.sha256,
            version=VERSION,
            stored=self.file.stored_as(),
            licence=str(self.file.metadata.get("general.license", "not stated")),
            files=fingerprint(folder, _written(folder)),
        )
        _write_json(folder / MANIFEST, asdict(made))
        return made

    def _write_weights(self, folder: Path) -> None:
        from safetensors.torch import save_file

        shards = list(self._shards())
        files = (
            [_WHOLE]
            if len(shards) == 1
            else [f"model-{at:05}-of-{len(shards):05}.safetensors" for at in range(1, len(shards) + 1)]
        )
        placed: dict[str, str] = {}
        for name, tensors in zip(files, shards, strict=True):
            save_file(
                {self.names[tensor]: self._weight(tensor) for tensor in tensors},
                folder / name,
                metadata={"format": "pt"},
            )
            placed |= dict.fromkeys((self.names[tensor] for tensor in tensors), name)
        if len(files) > 1:
            _write_json(folder / f"{_WHOLE}.index.json", {"metadata": {}, "weight_map": placed})

    def _shards(self) -> Iterator[list[str]]:
        """Names of tensors that are written together, and so are in memory together."""
        shard: list[str] = []
        size = 0
        for tensor in self.names:
            more = _bytes(self.file.tensors[tensor])
            if shard and size + more > _SHARD_BYTES:
                yield shard
                shard, size = [], 0
            shard.append(tensor)
            size += more
        yield shard

    def _weight(self, tensor: str) -> torch.Tensor:
        """In the type of the file; what was quantised in float32, which holds it exactly."""
        import torch

        found = self.file.tensors[tensor]
        if found.kind in PLAIN:
            dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[found.kind]
            weight = torch.from_numpy(found.stored.copy()).view(dtype).reshape(found.shape)
        else:
            weight = torch.from_numpy(found.numbers())
        name = self.names[tensor]
        if self.known.turned and (".attn_q." in tensor or ".attn_k." in tensor):
            weight = _turned_back(weight, int(self.config["head_dim"]))
        if self.known.raised and name.endswith("norm.weight"):
            weight = weight.float() - 1
        return weight.contiguous()


def _check_kinds(file: GgufFile) -> None:
    """Refuse a file of whose weights some are in a type that the library cannot turn into numbers."""
    for kind, tensor in {tensor.kind: tensor for tensor in file.tensors.values()}.items():
        try:
            tensor.numbers(rows=1)
        except NotImplementedError:
            raise HarnessError(
                f"{file.name} has weights in {kind}, which the library gguf cannot turn into numbers; fetch a file in "
                "another type, or bring the library up to date"
            ) from None


def _turned_back(weight: torch.Tensor, head: int) -> torch.Tensor:
    """Rows of q or k in transformers' order: llama.cpp puts the two halves of a rotated pair side by side."""
    return weight.reshape(-1, head // 2, 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)


def _bytes(tensor: GgufTensor) -> int:
    return math.prod(tensor.shape) * (2 if tensor.kind in ("F16", "BF16") else 4)


def _written(folder: Path) -> list[Path]:
    """The files whose change would change the model."""
    return sorted(
        path for path in folder.iterdir() if path.suffix in (".json", ".safetensors") and path.name != MANIFEST
    )


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=1, ensure_ascii=False), encoding="utf-8")
