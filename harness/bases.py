"""A base by name, folder or hub id ─▶ a checked folder of safetensors weights and a tokenizer, at a fixed revision."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, near_names
from harness.hub import is_hub_id, snapshot

# Architectures whose attention reads config.is_causal and that the mask proof has been run on (tests/test_families.py).
ARCHITECTURES = frozenset(
    {
        "LlamaForCausalLM",
        "MistralForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "GemmaForCausalLM",
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
    }
)
EMBEDDED = "mini"


@dataclass(frozen=True, kw_only=True)
class Base:
    """A pretrained causal language model on disk.

    `name` is what the user typed for the hub or `mini`, the folder's own name for a folder; `revision` is the hub
    commit, or sha256 of the files that decide the model (config, weights, tokenizer) for a folder.
    """

    name: str
    folder: Path
    revision: str


def embedded_bases() -> dict[str, str]:
    """Names of the bases that come with the package, with a line about each."""
    return {EMBEDDED: "the embedded default: a small Llama trained by this project on its own generated English"}


def resolve_base(name: str) -> Base:
    """Find and check a base: `mini`, a folder, or a hub id with an optional @revision.

    Hub ids are read through huggingface_hub, so HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE hold. Raises
    HarnessError for anything missing, corrupt, pickled or of another architecture.
    """
    if name == EMBEDDED:
        from harness.mini import checkpoint_folder

        folder = checkpoint_folder()
        return Base(name=name, folder=folder, revision=_fingerprint(_checked(folder)))
    path = Path(name).expanduser()
    if path.is_dir():
        folder = _checked(path.resolve())
        return Base(name=folder.name, folder=folder, revision=_fingerprint(folder))
    if is_hub_id(name):
        return _from_hub(name)
    known = embedded_bases()
    raise HarnessError(
        f"no base {name!r}: there is no such folder, and it is not a hub id (ORG/NAME); {near_names(name, known)}"
    )


def _from_hub(name: str) -> Base:
    repo, _, revision = name.partition("@")
    patterns = ["*.safetensors", "*.safetensors.index.json", "*.json", "tokenizer*", "*.model"]
    folder = snapshot(repo, revision=revision or None, patterns=patterns, what="the base")
    return Base(name=repo, folder=_checked(folder), revision=folder.name)


def _checked(folder: Path) -> Path:
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise HarnessError(f"{folder} has no config.json; give the folder of a Hugging Face checkpoint")
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError:
        raise HarnessError(f"{config_file} is not JSON; fetch the checkpoint again") from None
    architectures = set(config.get("architectures") or [])
    if not architectures & ARCHITECTURES:
        raise HarnessError(
            f"{folder.name} is {', '.join(sorted(architectures)) or 'of unknown architecture'}; "
            f"supported: {', '.join(sorted(ARCHITECTURES))}"
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = sorted(path.name for path in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
        found = f"only {', '.join(pickled)}, which is a pickle and is never opened" if pickled else "no weights"
        raise HarnessError(f"{folder} holds {found}; convert the checkpoint to safetensors")
    for path in weights:
        check_safetensors(path)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        raise HarnessError(f"{folder} has no tokenizer.json; save the tokenizer in the same folder")
    return folder


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


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("config.json"), *folder.glob("tokenizer*")]):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
