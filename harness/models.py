"""A sentence-transformers model by folder or hub id ─▶ a checked folder of safetensors, known by its content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from harness.bases import ADAPTER, check_configs, check_safetensors, check_shards
from harness.errors import HarnessError
from harness.fingerprint import check_unchanged, fingerprint
from harness.hub import is_hub_id, snapshot
from harness.records import StoredRecipe, System

_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model")
_ASIDE = ("onnx", "openvino")  # the same weights for other runtimes


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model on disk that is measured as it is.

    `name` is the hub id, or a folder's own name. `sha256` is made of the files that decide an embedding (weights,
    configuration, tokenizer), so the same content is the same model wherever it lies. `commit` is the hub's, empty for
    a folder. `bare` marks a plain transformers checkpoint, without sentence-transformers' own modules.
    """

    name: str
    folder: Path
    sha256: str
    commit: str
    bare: bool

    @property
    def label(self) -> str:
        """How the model is called on screen."""
        return self.name

    def record(self, cache: Path) -> System:
        """The system as the store keeps it; nothing of it lies in the `cache`."""
        title = "a model measured as it is"
        return System(
            base="",
            base_revision=self.sha256,
            variant=self.name,
            kind="reference",
            recipe=StoredRecipe(version=1, title=title, model=self.name, hub_commit=self.commit or None),
            folder=str(self.folder),
        )

    def check(self) -> None:
        """Raise HarnessError if the folder no longer holds what it held when the model was found."""
        if not self.commit:  # a folder of the hub's cache is called by its commit
            check_unchanged(self.folder, _decisive(_files(self.folder)), self.sha256)


def resolve_model(name: str) -> Model:
    """Find and check a model: a folder, or a hub id with an optional @revision.

    Hub ids are read through huggingface_hub, so HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE hold. Raises HarnessError for
    anything missing, corrupt or pickled, and for a model that needs code of its own.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return _checked(path.name or path.resolve().name, path.resolve(), commit="")
    if not is_hub_id(name):
        raise HarnessError(
            f"no model {name!r}: there is no such folder, and it is not a hub id (ORG/NAME or ORG/NAME@REVISION)"
        )
    repo, _, revision = name.partition("@")
    folder = snapshot(repo, revision=revision or None, patterns=_PATTERNS, what="the model")
    return _checked(repo, folder, commit=folder.name)


def _checked(name: str, folder: Path, *, commit: str) -> Model:
    files = _files(folder)
    modules = folder / "modules.json"
    if not modules.is_file() and not (folder / "config.json").is_file():
        raise HarnessError(f"{folder} holds neither modules.json nor config.json; give the folder of a saved model")
    own = [kind for kind in _module_types(modules) if not kind.startswith("sentence_transformers.")]
    if own:
        raise HarnessError(
            f"{name} needs its own code ({own[0]}); such code is never run, so the model cannot be measured"
        )
    for inside in sorted({path.parent for path in files}):
        check_configs(inside)
        if (inside / ADAPTER).is_file():
            raise HarnessError(
                f"{inside} holds an adapter ({ADAPTER}), whose base is not fixed by the folder; merge it into the "
                "weights, save the model without it, and measure that"
            )
    weights = [path for path in files if path.suffix == ".safetensors"]
    if not weights:
        pickled = [path.name for path in files if path.suffix in {".bin", ".pt", ".pth"}]
        found = f"only {', '.join(pickled)}, which is a pickle and is never opened" if pickled else "no weights"
        raise HarnessError(f"{name} holds {found}; convert the model to safetensors")
    for inside in sorted({path.parent for path in weights}):
        if (inside / "config.json").is_file():
            check_shards(inside)
    for path in weights:
        check_safetensors(path)
    sha256 = fingerprint(folder, _decisive(files))
    return Model(name=name, folder=folder, sha256=sha256, commit=commit, bare=not modules.is_file())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not _aside(path, folder))


def _aside(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return parts[0] in _ASIDE or any(part.startswith(".") for part in parts)


def _module_types(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        return [str(module["type"]) for module in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, KeyError, TypeError):
        raise HarnessError(f"{path} is not a list of modules; fetch the model again") from None


def _decisive(files: list[Path]) -> list[Path]:
    """Of a model's files those that decide an embedding."""
    return [path for path in files if path.suffix in {".safetensors", ".json", ".txt", ".model"}]
