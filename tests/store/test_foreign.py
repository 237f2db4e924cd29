"""A database that somebody else made, or that is none: nothing of this machine is read, fetched or written by it."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system

SECRET = "SECRET-7f3a-of-this-machine"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """SQL that reads a private file, where files can be read."""
    (tmp_path / "private.txt").write_text(SECRET)
    return f"(SELECT content FROM read_text('{tmp_path}/private.txt'))"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    store = Store(tmp_path_factory.mktemp("clean") / "r.duckdb")
    add_system(store, "bidir", tasks=TASKS[:1])
    return store.path.read_bytes()


def made_evil(path: Path, clean: bytes, *sql: str) -> Path:
    path.write_bytes(clean)
    with duckdb.connect(str(path)) as connection:
        for each in sql:
            connection.execute(each)
    return path


def everything(path: Path) -> str:
    """All that the commands read, as text."""
    store = Store(path, read_only=True)
    scores = store.scores()
    said = [scores.to_csv(), store.outcomes(results=scores["result"]).to_csv(), str(store.systems()), str(store.runs())]
    said += [str(store.stages()), str(store.overlaps()), str(store.noise_floors()), str(store.calibration())]
    said += [str(store.text_counts()), str(list(store.verify())), store.query("FROM result").to_csv()]
    return "".join(said)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        (
            ["DROP VIEW result", "ALTER TABLE system RENAME TO s0",
             "CREATE VIEW system AS SELECT * REPLACE ({secret} AS variant) FROM s0"],
            "its system is not a table",
        ),
        (["DROP TABLE calibration", "CREATE VIEW calibration AS SELECT {secret} AS report"], "calibration is not"),
        (["DROP TABLE schema_version", "CREATE VIEW schema_version AS SELECT 7 AS version"], "schema_version is not a"),
        (["ALTER TABLE run ADD COLUMN extra VARCHAR"], "its run is not the table that harness makes"),
        (["CREATE MACRO max(x) AS {secret}"], "a macro of its own, max"),
        (["CREATE MACRO duckdb_functions() AS TABLE SELECT 'x'"], "a table macro of its own"),
        (
            ["ALTER TABLE reported RENAME TO r0",
             "CREATE TABLE reported (result INTEGER, scores JSON AS (current_setting('threads')::JSON))"],
            "its reported is not the table",
        ),
    ],
    ids=["view", "later view", "version", "column", "macro", "table macro", "computed column"],
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, clean: bytes, secret: str, sql: list[str], words: str) -> None:
    path = made_evil(tmp_path / "evil.duckdb", clean, *(each.format(secret=secret) for each in sql))
    for call in (
        everything,
        lambda p: Store(p).ready(),
        lambda p: build_site(Store(p), tmp_path / "site", resamples=9),
    ):
        with pytest.raises(HarnessError, match=words):
            call(path)
    assert not (tmp_path / "site").exists()


@pytest.mark.slow
def test_views_of_a_database_show_nothing_else(tmp_path: Path, clean: bytes, secret: str) -> None:
    """The view `result` is ours whatever the file calls so, and a view that is asked for reads no file."""
    path = made_evil(
        tmp_path / "evil.duckdb", clean, "DROP VIEW result", f"CREATE VIEW result AS SELECT {secret} AS variant",
        "CREATE VIEW own AS SELECT count(*) AS n FROM score",
    )  # fmt: skip
    assert SECRET not in everything(path)
    store = Store(path, read_only=True)
    assert store.query("SELECT n FROM own")["n"].tolist() == [1]
    with pytest.raises(HarnessError, match="DuckDB cannot run this: Permission Error"):
        store.query("SELECT * FROM evil.main.result")


def test_a_trusted_file_that_was_replaced_is_checked_again(tmp_path: Path, clean: bytes) -> None:
    path = made_evil(tmp_path / "r.duckdb", clean)
    assert len(Store(path).scores()) == 1
    made_evil(tmp_path / "r.duckdb", clean, "CREATE MACRO max(x) AS 5")
    with pytest.raises(HarnessError, match="a macro of its own"):
        Store(path).scores()


ESCAPES = [
    *("ATTACH 'other.duckdb'", "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "USE memory"),
    *("RESET enable_external_access", "COPY score TO 'x.csv'", "EXPORT DATABASE 'x'", "IMPORT DATABASE 'x'"),
    *("CREATE TEMP TABLE t AS SELECT 1", "CREATE TEMP TABLE t AS PIVOT (SELECT 1 a, 2 b) ON a USING sum(b)"),
    *("INSERT INTO score FROM (PIVOT score ON task USING count(*))", "UPDATE EXTENSIONS", "CHECKPOINT", "VACUUM"),
    *("PRAGMA enable_profiling", "CALL enable_logging()", "PREPARE a AS SELECT 1", "BEGIN", "DETACH x"),
    *(f"FROM {name}('/etc/hostname')" for name in ("read_text", "read_blob", "read_csv", "read_json", "glob")),
    *("FROM parquet_scan('x')", "FROM read_duckdb('other.duckdb')"),
    *("SELECT * FROM '/etc/hostname'", "FROM sniff_csv('/etc/hostname')", "FROM sqlite_scan('x.db', 't')"),
    *("SELECT * FROM frame", "SELECT getenv('HOME')", "SELECT * FROM 'http://127.0.0.1:9/x.parquet'"),
]  # fmt: skip


@pytest.mark.slow
def test_a_query_gets_out_of_nothing(tmp_path: Path, clean: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made_evil(tmp_path / "r.duckdb", clean)
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"a": [1]})  # a variable in scope is no table
    store = Store(path, read_only=True)
    for sql in ESCAPES:
        with pytest.raises(HarnessError):
            print(sql, store.query(sql))
    assert len(frame) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["r.duckdb"]
    assert path.read_bytes() == clean


def test_a_query_pivots_and_loses_no_digit(tmp_path: Path, clean: bytes) -> None:
    store = Store(made_evil(tmp_path / "r.duckdb", clean), read_only=True)
    task = TASKS[0].name
    found = store.query("PIVOT (SELECT variant, task, score FROM result) ON task USING first(score)")
    assert found[task].tolist() == store.scores()["score"].tolist()
    exact = store.query("SELECT 9007199254740993 AS large UNION ALL SELECT NULL ORDER BY ALL")
    assert exact["large"].tolist() == [9007199254740993, None]


def test_what_is_no_database_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched, nothing is made, nothing waits for ever."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with sqlite3.connect("x.db") as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    Path("table.parquet").write_bytes(b"PAR1" + bytes(100))
    os.mkfifo("pipe")
    Path("dangling").symlink_to("nowhere")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("socket")
    before = sorted(path.name for path in tmp_path.iterdir())
    refused = {
        "x.db": "not a DuckDB database", "table.parquet": "not a DuckDB database", "pipe": "not a regular file",
        "socket": "not a regular file", "dangling": "that does not exist|no database at", ".": "is a folder",
        "/dev/null": "not a regular file",
        **dict.fromkeys((":memory:", "md:x", "ducklake:x", "postgres:dbname=x", "s3://x/y", "sqlite:x.db"), "no name"),
    }  # fmt: skip
    for name, words in refused.items():
        for call in (lambda n=name: Store(n).scores(), lambda n=name: Store(n).ready()):
            with pytest.raises(HarnessError, match=words):
                call()
    listening.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_object_that_is_none_is_a_sentence(tmp_path: Path, clean: bytes) -> None:
    path = made_evil(tmp_path / "r.duckdb", clean, "UPDATE system SET lineage = '[1]'")
    with pytest.raises(HarnessError, match="holds '\\[1\\]' where an object belongs"):
        Store(path).systems()


@pytest.mark.slow
def test_a_damaged_byte_is_a_sentence(tmp_path: Path, clean: bytes) -> None:
    for place in (8, 13, 64, 4104, 8200, 12300, len(clean) // 2):
        kept = bytearray(clean)
        kept[place] ^= 0x40
        path = tmp_path / f"{place}.duckdb"
        path.write_bytes(kept)
        if place > 12300:  # perhaps a byte of no use
            with suppress(HarnessError):
                everything(path)
            continue
        with pytest.raises(HarnessError, match=r"is damaged|not a DuckDB database"):
            everything(path)
