"""Processes on one database leave each other what they are at work on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.run.claims import Claims
from harness.run.loop import execute
from harness.store import Store
from tests.run.kit import Ear, plan, request
from tests.run.test_engine import FakeEngine

HOLD = """
import sys
from pathlib import Path
from harness.run.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(*[claims.take(*name.split("/")) for name in sys.argv[2:]], flush=True)
sys.stdin.readline()
claims.close()
"""


@contextmanager
def other_process(database: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed `names`, until it is told to go on, or is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database.absolute()), *names], cwd=Path(__file__).parents[2],
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().split() == ["True"] * len(names)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    database = tmp_path / "results.duckdb"
    mine = Claims(database)
    with other_process(database, "system/one", "system/two") as other:
        assert not mine.take("system", "one")
        assert mine.take("system", "three")
        mine.close()
        assert list(tmp_path.iterdir()), "the other process has claims in this file"
        assert not mine.take("system", "two")
        other.kill()
        other.communicate()
        assert mine.take("system", "one")
        assert mine.take("system", "one"), "it is held already"
        mine.release("system", "one")
        mine.release("system", "one")
    mine.close()
    mine.close()
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_removed_by_another_process_is_made_anew(tmp_path: Path) -> None:
    database = tmp_path / "results.duckdb"
    mine = Claims(database)
    assert mine.take("one")
    mine.release("one")
    [file] = tmp_path.iterdir()
    file.unlink()  # as the last process does that leaves
    with other_process(database, "two"):
        assert not mine.take("two")
    mine.close()


def test_where_nothing_can_be_locked_all_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Claims(tmp_path / "no folder" / "results.duckdb").take("one")
    monkeypatch.setattr("harness.run.claims.fcntl", None)
    mine = Claims(tmp_path / "results.duckdb")
    assert mine.take("one")
    mine.release("one")
    mine.close()


def test_what_another_process_measures_comes_last_and_is_measured_if_that_process_dies(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.loop._ASK_S", 0.05)
    wanted = plan(request(tiny_base, "bidir"), store)
    [first, second] = wanted.jobs
    name = "/".join((first.record.system_id, "SmallSTS", "cpu", "float32"))
    ear, engine = Ear(), FakeEngine(places=1)
    with other_process(store.path, name) as other:
        ear.note = lambda message: (ear.notes.append(message), other.kill(), other.wait())  # type: ignore[method-assign]
        assert execute(wanted, store, ear, command="test", engine=engine) == ()
    assert engine.begun == [
        f"{second.label} · SmallSTS", f"{second.label} · SmallClassification", f"{first.label} · SmallSTS",
        f"{first.label} · SmallClassification",
    ]  # fmt: skip
    assert ear.notes == ["2 results are left; other processes on this database measure them"]
    assert len(store.scores(current=False)) == 4
    assert not list(Path().glob(".*.claims"))


def test_what_another_process_has_stored_meanwhile_is_not_measured(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.loop._ASK_S", 0.05)
    wanted = plan(request(tiny_base, "causal"), store)
    [job] = wanted.jobs
    name = "/".join((job.record.system_id, "SmallSTS", "cpu", "float32"))
    ear, engine = Ear(), FakeEngine(places=1)
    with other_process(store.path, name) as other:

        def it_ends(message: str) -> None:
            assert execute(plan(request(tiny_base, "causal", tasks=("SmallSTS",)), store), Store(store.path), None,
                           command="other", engine=FakeEngine(), force=True) == ()  # fmt: skip
            other.kill()
            other.wait()

        ear.note = it_ends  # type: ignore[method-assign]
        assert execute(wanted, store, ear, command="test", engine=engine) == ()
    assert engine.begun == [f"{job.label} · SmallClassification"]
    assert len(store.scores(current=False)) == 2
