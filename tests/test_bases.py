from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from harness.bases import resolve_base
from harness.errors import HarnessError


@pytest.fixture
def copy(tiny_base: Path) -> Path:
    return Path(shutil.copytree(tiny_base, "tiny"))


def test_a_folder_is_a_base_with_a_fingerprint(copy: Path) -> None:
    base = resolve_base(str(copy))
    assert (base.name, base.folder) == ("tiny", copy.resolve())
    assert base.revision == resolve_base(str(copy)).revision
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert resolve_base(str(copy)).revision != base.revision


def test_a_hub_id_is_read_from_the_local_hub_cache(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = Path("hub/models--org--tiny").absolute()
    shutil.copytree(tiny_base, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(repo.parent))
    for name in ("org/tiny", f"org/tiny@{commit}"):
        base = resolve_base(name)
        assert (base.name, base.revision) == ("org/tiny", commit)
    with pytest.raises(HarnessError, match="could not be fetched from the hub"):
        resolve_base("org/absent")


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _scramble(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 5000)


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _hollow(folder: Path) -> None:
    save_file({}, folder / "model.safetensors")


def _longer(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"0000")


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _other(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_cut, "corrupt or cut short"),
        (_scramble, "corrupt or cut short"),
        (_empty, "corrupt or cut short"),
        (_hollow, "corrupt or cut short .no tensors"),
        (_longer, "corrupt or cut short"),
        (_pickle, "a pickle and is never opened"),
        (_other, "BertModel; supported: Gemma2ForCausalLM"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer.json"),
    ],
    ids=[
        *("cut", "scrambled", "empty", "hollow", "longer", "pickle", "other"),
        *("no config", "bad config", "no weights", "no tokenizer"),
    ],
)
def test_a_broken_folder_is_refused_in_one_sentence(copy: Path, harm, sentence: str) -> None:
    harm(copy)
    with pytest.raises(HarnessError, match=sentence) as caught:
        resolve_base(str(copy))
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_no_hub_id() -> None:
    with pytest.raises(HarnessError, match="no such folder"):
        resolve_base("./absent/folder")
    with pytest.raises(HarnessError, match="known: mini"):
        resolve_base("absent")
