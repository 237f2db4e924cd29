"""`harness cache`: what lies there, what needs it, and that only what nothing needs is removed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from harness.paths import cache_folder
from harness.stage_record import StageManifest
from harness.store import Store
from tests.cli.conftest import Run
from tests.factory import FakeTask, add_system

PARENT, CHILD, ALONE, UNUSED = (letter * 64 for letter in "abcd")


def age(path: Path, days: float) -> None:
    for each in [path, *path.rglob("*")]:
        os.utime(each, (time.time() - days * 24 * 3600,) * 2)


def stage(digest: str, *, parent: str | None = None, seed: int = 0, size: int = 1000, days: float = 3) -> Path:
    folder = cache_folder() / "stages" / digest[:32]
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(bytes(size))
    made = StageManifest(digest=digest, kind="mntp", name="mntp", parent=parent, seed=seed, base={"name": "tiny"})
    (folder / "stage.json").write_text(json.dumps(made.plain()))
    age(folder, days)
    return folder


@pytest.fixture
def cache() -> Path:
    """A stage that results need, the one under it, one that only its child needs, and what killed runs left."""
    stages = cache_folder() / "stages"
    stage(PARENT, size=2_000_000)
    stage(CHILD, parent=PARENT)
    stage(UNUSED, parent=ALONE)
    stage(ALONE)
    for name in (f"{'e' * 32}.part", f".{'f' * 32}.123.new"):
        (stages / name / "checkpoint-5").mkdir(parents=True)
        (stages / name / "checkpoint-5" / "complete").touch()
        age(stages / name, 3)
    (stages / "mine.txt").write_text("no stage")
    (cache_folder() / "bases" / ".0.123.new").mkdir(parents=True)
    age(cache_folder() / "bases", 3)
    (cache_folder() / "data" / "words").mkdir(parents=True)
    (cache_folder() / "data" / "words" / "file").write_bytes(bytes(10))
    store = Store(Path("results.duckdb"))
    task = FakeTask("MiniSTS", "spearman", 12)
    add_system(store, "bidir-mntp", base="tiny", seed=0, tasks=[task], lineage={"simcse": CHILD})
    return stages


def names(stages: Path) -> set[str]:
    return {path.name.strip(".")[:1] for path in stages.iterdir() if path.suffix != ".lock"}


def test_ls_shows_sizes_and_what_needs_them(harness: Run, cache: Path) -> None:
    code, out, err = harness("cache", "ls", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [row["bytes"] for row in rows] == sorted((row["bytes"] for row in rows), reverse=True)
    by_name = {Path(row["path"]).name: row for row in rows}
    child, parent, unused = (by_name[digest[:32]] for digest in (CHILD, PARENT, UNUSED))
    assert (child["results"], child["needed_by"], child["kept"]) == (1, ["bidir-mntp"], "needed")
    assert (parent["results"], parent["kept"], parent["holds"]) == (0, "under a stage that is kept", "adapter")
    assert (unused["kept"], unused["base"], unused["seed"], unused["what"]) == ("", "tiny", 0, "mntp")
    assert by_name[f"{'e' * 32}.part"]["holds"] == "checkpoint of step 5"
    assert (by_name["words"]["kind"], by_name["words"]["bytes"]) == ("data", 10)
    assert "mine.txt" not in by_name
    code, out, _ = harness("cache", "ls")
    assert code == 0
    assert out.splitlines()[1].split()[:6] == ["stage", "mntp", "tiny", "0", "adapter", "2.0"]
    assert "that nothing in results.duckdb needs: see `harness cache prune`" in out


def test_ls_without_a_database_says_that_it_knows_of_no_need(harness: Run, cache: Path) -> None:
    code, out, err = harness("cache", "ls", "--db", "other.duckdb")
    assert (code, len(out.splitlines())) == (0, 10)
    assert "there is no database at other.duckdb" in err
    assert {row["needed_by"] for row in json.loads(harness("cache", "ls", "--db", "other.duckdb", "--json")[1])} == {
        None
    }
    assert not Path("other.duckdb").exists()


def test_prune_removes_only_what_nothing_needs_and_only_when_told(harness: Run, cache: Path) -> None:
    before = names(cache)
    code, out, _ = harness("cache", "prune")
    assert code == 0
    assert "5 to remove, 0.0 MB; nothing was removed: give --yes" in out
    assert names(cache) == before
    removed = json.loads(harness("cache", "prune", "--yes", "--json")[1])
    assert all(row["removed"] for row in removed)
    assert names(cache) == {"a", "b", "m"}
    assert (cache_folder() / "data" / "words" / "file").is_file()
    assert "nothing to remove" in harness("cache", "prune", "--yes")[1]


def test_prune_keeps_what_changed_of_late(harness: Run, cache: Path) -> None:
    age(cache / UNUSED[:32], 0.5)
    harness("cache", "prune", "--yes")
    assert names(cache) == {"a", "b", "c", "d", "m"}  # and the stage under it
    harness("cache", "prune", "--yes", "--older-than", "0.4")
    assert names(cache) == {"a", "b", "m"}


def test_prune_waits_for_no_training_and_disturbs_none(harness: Run, cache: Path) -> None:
    with FileLock(str(cache / ("9" * 32)) + ".lock"):  # it has not written anything yet
        assert {row["kind"] for row in json.loads(harness("cache", "prune", "--json")[1])} == {"unfinished", "leftover"}
    with FileLock(str(cache / ("e" * 32)) + ".lock"):
        _, out, _ = harness("cache", "prune", "--yes")
        assert "removed 2 of 2" in out
        assert names(cache) == {"a", "b", "c", "d", "e", "m"}  # a stage in training stands on some other
    harness("cache", "prune", "--yes")
    assert names(cache) == {"a", "b", "m"}


def test_prune_needs_a_database(harness: Run, cache: Path) -> None:
    before = names(cache)
    code, _, err = harness("cache", "prune", "--yes", "--db", "other.duckdb")
    assert code == 2
    assert "there is no database at other.duckdb" in err
    assert names(cache) == before


def test_an_empty_cache(harness: Run) -> None:
    code, out, _ = harness("cache", "ls")
    assert code == 0
    assert f"0.0 MB in {cache_folder()}" in out
