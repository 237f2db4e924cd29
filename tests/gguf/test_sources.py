"""GGUF files are found by path, in the hub's cache, and in the data of installed packages, which are not imported."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.bases import resolve_base
from harness.cli import app
from harness.errors import HarnessError
from harness.gguf.sources import NAMED, NamedGguf
from tests.gguf.files import SMOLLM, byte_level, metadata, small_model, tokens_of, weights_of, write_gguf
from tests.packages import SITE, put_package

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def tiny() -> Path:
    model = small_model("llama")
    fields = metadata("llama", model.config) | tokens_of(byte_level(SMOLLM), "smollm")
    return write_gguf(Path("tiny.gguf").absolute(), "llama", fields, weights_of("llama", model))


@pytest.fixture
def hub(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = Path("hub/models--org--tiny").absolute()
    (repo / "snapshots" / COMMIT / "q4").mkdir(parents=True)
    shutil.copy(tiny, repo / "snapshots" / COMMIT / "q4" / "tiny.gguf")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(repo.parent))
    return repo


def test_a_file_of_the_hub_is_read_from_its_cache(tiny: Path, hub: Path) -> None:
    local = resolve_base(str(tiny))
    for name in ("org/tiny:q4/tiny.gguf", f"org/tiny@{COMMIT}:q4/tiny.gguf"):
        base = resolve_base(name)
        assert (base.name, base.revision) == ("org/tiny:q4/tiny.gguf", local.revision)
    with pytest.raises(HarnessError, match=r"org/tiny has no file other\.gguf"):
        resolve_base("org/tiny:other.gguf")
    with pytest.raises(HarnessError, match="could not be fetched from the hub"):
        resolve_base("org/absent:tiny.gguf")
    with pytest.raises(HarnessError, match="no such folder or GGUF file"):
        resolve_base("absent/tiny.gguf")


@pytest.fixture
def named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> NamedGguf:
    """A base in two packages, a part in each, that cannot be imported."""
    content = tiny.read_bytes()
    for number, part in enumerate((content[:5000], content[5000:])):
        files = {f"data/tiny.gguf.part0{number}": part, "data/LICENSE": b"free"}
        put_package(f"tiny-part{number}", files, monkeypatch)
    made = NamedGguf(
        name="tiny-named",
        about="a small Llama",
        packages=("tiny-part0", "tiny-part1"),
        install="pip install tiny",
        hub="org/tiny:q4/tiny.gguf",
        sha256=hashlib.sha256(content).hexdigest(),
    )
    monkeypatch.setitem(NAMED, made.name, made)
    return made


def test_a_named_base_is_put_together_from_packages(
    tiny: Path, named: NamedGguf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="harness")
    base, local = resolve_base("tiny-named"), resolve_base(str(tiny))
    said, done = caplog.messages  # the second one finds the folder of the first
    assert said == "converting tiny.gguf into the cache, once"
    assert re.fullmatch(r"converted tiny\.gguf in \d+ s", done)
    assert (base.name, base.revision, base.folder) == ("tiny-named", local.revision, local.folder)
    assert (base.folder / "LICENSE").read_text() == "free"
    assert not list(base.folder.glob("*.gguf"))
    assert resolve_base("tiny-named") == base
    assert named.found() == "installed: tiny-part0 1.0"


def test_a_named_base_is_else_that_of_the_hub(
    tiny: Path, hub: Path, named: NamedGguf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(SITE)
    assert named.installed() is None
    assert resolve_base("tiny-named").revision == resolve_base(str(tiny)).revision
    shutil.rmtree(hub)
    with pytest.raises(
        HarnessError, match=r"neither in an installed package .* `pip install tiny`, or point HF_HUB_CACHE"
    ):
        resolve_base("tiny-named")


def test_a_named_base_is_one_file_and_no_other(named: NamedGguf) -> None:
    with (SITE / "tiny_part1" / "data" / "tiny.gguf.part01").open("ab") as file:
        file.write(b"0")
    with pytest.raises(HarnessError, match="is not the file that tiny-named names"):
        resolve_base("tiny-named")


def test_the_list_says_where_each_was_found(named: NamedGguf) -> None:
    done = CliRunner().invoke(app, ["ls", "bases", "--json"])
    rows = {row["base"]: row["where"] for row in json.loads(done.stdout)}
    assert rows["tiny-named"] == "installed: tiny-part0 1.0"
    assert {"mini", "smollm2-135m", "gemma3-270m", "FILE.gguf"} <= rows.keys()
