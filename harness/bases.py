"""A base by name, folder or hub id ─▶ a checked folder of safetensors weights and a tokenizer, at a fixed revision."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, near_names
from harness.fingerprint import check_unchanged, fingerprint
from harness.gguf.convert import convert, folder_of, read_converted
from harness.gguf.sources import NAMED, SUFFIX, GgufSource, at_hub, at_path, is_at_hub
from harness.hub import is_hub_id, snapshot

# Architectures whose attention reads config.is_causal and that the mask proof has been run on (tests/test_families.py),
# with the model_type by which transformers takes its code.
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "GemmaForCausalLM": "gemma",
    "Gemma2ForCausalLM": "gemma2",
    "Gemma3ForCausalLM": "gemma3_text",
}
EMBEDDED = "mini"
TOKENIZER = "tokenizer.json"
# What says more of the tokens than tokenizer.json does: names of special tokens, and tokens that were added.
TOKEN_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
ADAPTER = "adapter_config.json"
_HEAD = "lm_head."
_NOT_BODY = ("model.embed_tokens.", _HEAD)
RECIPES_OF = "recipes_of"
_WHOLE = "model.safetensors"
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, kw_only=True)
class Base:
    """A pretrained causal language model on disk.

    `name` is what the user typed for the hub or a named base, the folder's or GGUF file's own name otherwise;
    `revision` is the hub commit, or sha256 of the files that decide the model (config, weights, tokenizer) for a
    folder, or of the GGUF file and the version of its conversion. `origin` says how the weights of a GGUF file were
    stored.
    """

    name: str
    folder: Path
    revision: str
    origin: str = ""

    @property
    def recipes_of(self) -> str:
        """The base whose entry under `bases:` a card applies here: this one, or what config.json names (`recipes_of`).

        A base that was made in the way of another one is trained as that one is. Raises HarnessError for a value that
        is no name.
        """
        named = read_json(self.folder / "config.json").get(RECIPES_OF, self.name)
        if not isinstance(named, str) or not named:
            raise HarnessError(
                f"{self.folder / 'config.json'}: {RECIPES_OF} has to be the name of a base, not {named!r}"
            )
        return named


def named_bases() -> dict[str, str]:
    """The bases that have a name of their own, with a line about each."""
    embedded = "the embedded default: a small Llama trained by this project on its own generated English"
    return {EMBEDDED: embedded, **{name: named.about for name, named in NAMED.items()}}


def resolve_base(name: str) -> Base:
    """Find and check a base: by name, a folder, a GGUF file, or a hub id (ORG/NAME, or ORG/NAME:FILE.gguf).

    Hub ids may have a @revision. They are read through huggingface_hub, so HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE
    hold. A GGUF file is converted into the cache as it is first opened. Raises HarnessError for anything missing,
    corrupt, pickled or of another architecture.
    """
    if name == EMBEDDED:
        from harness.mini import checkpoint_folder

        folder = checkpoint_folder()
        return Base(name=name, folder=folder, revision=fingerprint(_checked(folder), _decisive(folder)))
    if name in NAMED:
        return _from_gguf(NAMED[name].source())
    path = Path(name).expanduser()
    if path.is_dir():
        return _from_folder(path.resolve())
    if path.is_file() and path.suffix == SUFFIX:
        return _from_gguf(at_path(path))
    if is_at_hub(name):
        return _from_gguf(at_hub(name))
    if is_hub_id(name) and not name.endswith(SUFFIX):
        return _from_hub(name)
    raise HarnessError(
        f"no base {name!r}: there is no such folder or GGUF file, and it is not a hub id (ORG/NAME, or "
        f"ORG/NAME:FILE.gguf); {near_names(name, named_bases())}"
    )


def _from_folder(folder: Path) -> Base:
    made = read_converted(folder)
    if made is not None and folder == folder_of(made.revision).resolve():
        # Elsewhere its manifest is a file like any other, which may claim the revision of another model.
        return Base(name=made.base, folder=_checked(folder), revision=made.revision, origin=made.origin)
    if any(folder.glob(f"*{SUFFIX}")) and not any(folder.glob("*.safetensors")):
        return _from_gguf(at_path(folder))
    return Base(name=folder.name, folder=_checked(folder), revision=fingerprint(folder, _decisive(folder)))


def _from_gguf(source: GgufSource) -> Base:
    folder, made = convert(source)
    return Base(name=source.base, folder=_checked(folder), revision=made.revision, origin=made.origin)


def _from_hub(name: str) -> Base:
    repo, _, revision = name.partition("@")
    patterns = ["*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer*", "*.model"]
    folder = snapshot(repo, revision=revision or None, patterns=patterns, what="the base")
    return Base(name=repo, folder=_checked(folder), revision=folder.name)


def _checked(folder: Path) -> Path:
    config_file = folder / "config.json"
    if (folder / ADAPTER).is_file():
        raise HarnessError(
            f"{folder} holds an adapter ({ADAPTER}), which would be put on top of the folder's weights; move it to a "
            "folder of its own, and name that under `adapters:` in the card unless the weights have it merged"
        )
    if not config_file.is_file():
        raise HarnessError(f"{folder} has no config.json; give the folder of a Hugging Face checkpoint")
    config = read_json(config_file)
    listed = config.get("architectures")
    architectures = {str(name) for name in listed} if isinstance(listed, list) else set()
    supported = architectures & ARCHITECTURES.keys()
    if not supported:
        raise HarnessError(
            f"{folder.name} is {', '.join(sorted(architectures)) or 'of unknown architecture'}; "
            f"supported: {', '.join(sorted(ARCHITECTURES))}"
        )
    if (kind := config.get("model_type")) not in [ARCHITECTURES[name] for name in supported]:
        known = " or ".join(f"{ARCHITECTURES[name]!r} ({name})" for name in sorted(supported))
        raise HarnessError(
            f"{config_file} has model_type {kind!r} where its architecture wants {known}; correct it if the checkpoint "
            "is of that architecture"
        )
    check_configs(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(path.name for path in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
        found = f"only {', '.join(pickled)}, which is a pickle and is never opened" if pickled else "no weights"
        raise HarnessError(f"{folder} holds {found}; convert the checkpoint to safetensors")
    check_shards(folder)
    for path in weights:
        check_safetensors(path)
    if not (folder / TOKENIZER).is_file():
        raise HarnessError(f"{folder} has no {TOKENIZER}; save the tokenizer in the same folder")
    _refuse_pointer(folder / TOKENIZER)
    return folder


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a checkpoint. Raises HarnessError if the file holds anything else."""
    _refuse_pointer(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise HarnessError(f"{path} is not JSON; fetch the checkpoint again") from None
    if not isinstance(found, dict):
        raise HarnessError(f"{path} holds no JSON object; fetch the checkpoint again")
    return found


def _refuse_pointer(path: Path) -> None:
    """Raise HarnessError for a file that cannot be read, or that stands for one which Git LFS did not fetch."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_POINTER))
    except OSError as error:
        raise HarnessError(f"{path} cannot be read ({error.strerror}); fetch the checkpoint again") from None
    if begins == _POINTER:
        raise HarnessError(f"{path} is a Git LFS pointer in place of the file; run `git lfs pull` in its folder")


def check_configs(folder: Path) -> None:
    """Refuse a checkpoint that names code of its own, and one whose weights are quantised. Only JSON is read."""
    for path in (folder / name for name in ("config.json", *TOKEN_FILES)):
        if not path.is_file():
            continue
        fields = read_json(path)
        if fields.get("auto_map"):
            raise HarnessError(
                f"{path} names code of its own (auto_map), and such code is never run; take auto_map out of the file "
                "if the checkpoint is right without that code"
            )
        quantised = fields.get("quantization_config") if path.name == "config.json" else None
        if quantised is not None:
            method = quantised.get("quant_method") if isinstance(quantised, dict) else None
            raise HarnessError(
                f"{path} says that the weights are quantised ({method or 'quantization_config'}), and such weights are "
                "not opened; give the checkpoint in full precision"
            )


def check_shards(folder: Path) -> None:
    """Refuse a folder whose weights lie in several files of which one, or the index, is not there."""
    index = folder / f"{_WHOLE}.index.json"
    if (folder / _WHOLE).is_file():
        return
    if not index.is_file():
        found = sorted(path.name for path in folder.glob("*.safetensors"))
        raise HarnessError(
            f"{folder} holds {found[0]} but neither {_WHOLE} nor {index.name}, which says what is in which file; "
            "fetch the checkpoint again"
        )
    placed = read_json(index).get("weight_map")
    shards = sorted({str(name) for name in placed.values()}) if isinstance(placed, dict) else []
    if not shards or any(Path(name).name != name for name in shards):
        raise HarnessError(f"{index} does not say which files hold the weights; fetch the checkpoint again")
    absent = [name for name in shards if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise HarnessError(f"{folder} lacks {absent[0]}{more}, which {index.name} names; fetch the checkpoint again")


def check_safetensors(path: Path) -> None:
    """Refuse a file that safetensors' own reader cannot open, or that holds no tensor. Only the header is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            damage = "" if file.keys() else "no tensors in it"
    except SafetensorError as error:
        damage = str(error)
    if damage:
        raise HarnessError(f"{path} is corrupt or cut short ({damage}); fetch it again")


def check_base(base: Base) -> None:
    """Raise HarnessError if the folder of `base` no longer holds what its revision was made of."""
    if base.revision != base.folder.name:  # a folder of the hub's cache is called by its commit
        check_unchanged(base.folder, _decisive(base.folder), base.revision)


def _decisive(folder: Path) -> list[Path]:
    """The files that decide the model."""
    beside = {path for name in ("config.json", *TOKEN_FILES) if (path := folder / name).is_file()}
    return sorted({*folder.glob("*.safetensors"), *filter(Path.is_file, folder.glob("tokenizer*")), *beside})


@dataclass(frozen=True, kw_only=True)
class BaseSize:
    """The size of a base; what config.json does not say is None.

    `body` counts the parameters without the embedding and the output layer, `parameters` all: the embedding once where
    it is the output layer too.
    """

    layers: int | None
    width: int | None
    body: int
    parameters: int

    def __str__(self) -> str:
        shape = "" if self.shape is None else f"{self.shape}; "
        return f"{shape}{self.body:,} parameters without the embedding, {self.parameters:,} with it"

    @property
    def shape(self) -> str | None:
        """Layers × width."""
        return None if self.layers is None or self.width is None else f"{self.layers} × {self.width}"


def shape_of(folder: Path) -> tuple[int | None, int | None]:
    """Layers and width of the base in `folder`, as its config.json says; what it does not say is None."""
    config = read_json(folder / "config.json")
    return _whole_number(config.get("num_hidden_layers")), _whole_number(config.get("hidden_size"))


def size_of(folder: Path) -> BaseSize:
    """Count the parameters of the base in `folder`. Only config.json and the headers of the weights are read."""
    from safetensors import safe_open

    config = read_json(folder / "config.json")
    layers, width = shape_of(folder)
    # Beside these a folder may hold the same weights once more, in the layout of another library.
    index = folder / f"{_WHOLE}.index.json"
    whole = [folder / _WHOLE] if (folder / _WHOLE).is_file() else []
    shards = {folder / str(name) for name in read_json(index).get("weight_map", {}).values()} if index.is_file() else {}
    counts: dict[str, int] = {}
    for path in whole or sorted(shards or folder.glob("*.safetensors")):
        check_safetensors(path)
        with safe_open(path, framework="numpy") as file:
            counts |= {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    tied = config.get("tie_word_embeddings") is True
    return BaseSize(
        layers=layers,
        width=width,
        body=sum(count for name, count in counts.items() if not name.startswith(_NOT_BODY)),
        parameters=sum(count for name, count in counts.items() if not (tied and name.startswith(_HEAD))),
    )


def _whole_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
