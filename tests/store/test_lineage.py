"""Stages and overlaps in the store, and databases that are older than they."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from harness.errors import HarnessError
from harness.records import Overlap, System
from harness.stage_record import StageData, StageManifest
from harness.store import Store
from harness.store.migrate import known_migrations, migrate
from tests.factory import TASKS, result_of

STAGE = StageManifest(digest="a" * 64, kind="mntp", losses=((1, 4.5), (2, 3.5)), data=StageData(source="mini"))
SEEN = Overlap(stage="a" * 64, source="mini", task="T", revision="1", how="measured", n_texts=10, n_shared=2)
KNOWN = Overlap(stage="b" * 64, source="snli", task="T", revision="1", how="declared", note="made of it")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of schema 1 with one system, one run and one result."""
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        migrate(connection, known_migrations()[:1], name="old")
        connection.execute(
            "INSERT INTO system VALUES ('s', 'mini', '1', 'bidir', NULL, 'variant', '', '{}', '{\"mntp\": \"x\"}', "
            "'{}', NULL, now()::TIMESTAMP)"
        )
        connection.execute(
            "INSERT INTO run VALUES ('r', 's', 'mini', 'float32', 'cpu', '1', '{}', NULL, now()::TIMESTAMP, NULL)"
        )
    return path


def version(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0])


def test_stages_come_back_by_digest_and_the_newest_manifest_stands(store: Store) -> None:
    other = StageManifest(digest="b" * 64, kind="supcon", parent=STAGE.digest)
    store.add_stages([STAGE, other])
    store.add_stages([STAGE])
    assert store.stages() == {STAGE.digest: STAGE, other.digest: other}
    assert list(store.stages([other.digest, "unknown", STAGE.digest])) == [other.digest, STAGE.digest]
    again = STAGE.model_copy(update={"seconds": 3.5})
    store.add_stages([again])
    assert store.stages([STAGE.digest]) == {STAGE.digest: again}


def test_overlaps_are_stored_once_with_their_newest_figures(store: Store) -> None:
    system = System(base="mini", base_revision="1", variant="x", seed=0, lineage={"mntp": SEEN.stage})
    store.add_system(system)
    store.add_overlaps([SEEN, KNOWN])
    store.add_overlaps([SEEN, replace(SEEN, n_shared=0, task="U")])
    assert store.overlaps() == [SEEN, KNOWN, replace(SEEN, n_shared=0, task="U")]
    store.add_overlaps([replace(SEEN, n_texts=11)])
    assert store.overlaps(system_id=system.system_id) == [
        replace(SEEN, n_texts=11),
        replace(SEEN, n_shared=0, task="U"),
    ]
    assert store.overlaps(system_id="nobody") == []


def test_a_count_without_figures_is_refused(store: Store) -> None:
    with pytest.raises(HarnessError, match="refused"):
        store.add_overlaps([replace(SEEN, n_shared=None)])
    assert store.overlaps() == []


def test_an_old_database_is_brought_up_to_date_in_place(old: Path) -> None:
    store = Store(old)
    store.add_result("r", result_of(TASKS[0], skill=0.6))
    assert version(old) == len(known_migrations())
    assert [system.variant for system in store.systems()] == ["bidir"]
    assert len(store.scores()) == 1
    assert store.overlaps() == [], "nothing is invented for what was stored before"
    store.add_stages([STAGE])
    store.add_overlaps([SEEN])
    assert (store.stages(), store.overlaps()) == ({STAGE.digest: STAGE}, [SEEN])


def test_an_old_database_is_read_as_it_is_where_only_reading_is_allowed(old: Path) -> None:
    store = Store(old, read_only=True)
    assert [system.variant for system in store.systems()] == ["bidir"]
    assert store.scores().empty
    assert (store.stages(), store.overlaps(), store.overlaps(system_id="s")) == ({}, [], [])
    assert (store.noise_floors(), store.calibration()) == ([], None)
    assert version(old) == 1


def test_a_database_of_the_future_is_refused(store: Store) -> None:
    store.ready()
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'x')")
    with pytest.raises(HarnessError, match="has schema 99"):
        store.overlaps()
