"""Several processes, kills, and files that are not what they should be."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pytest

from harness.errors import HarnessError, StoreBusyError
from harness.records import System
from harness.store import Store
from harness.store.connection import STORAGE_VERSION
from harness.store.migrate import Migration, known_migrations, migrate
from tests.factory import TASKS, add_system, result_of

ROOT = Path(__file__).parents[2]


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


HOLD = """
    import sys, time, duckdb
    connection = duckdb.connect(sys.argv[1]); print("held", flush=True); time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> subprocess.Popen[str]:
    process = python(HOLD, path, seconds)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n", process.stderr and process.stderr.read()
    return process


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    return store


def test_busy_names_the_process(store: Store) -> None:
    holder = hold(store.path, 30)
    try:
        impatient = Store(store.path, wait_s=0.3)
        for call in (
            impatient.systems,
            lambda: impatient.add_system(System(base="m", base_revision="1", variant="v")),
        ):
            with pytest.raises(StoreBusyError, match=f"process {holder.pid}") as error:
                call()
            assert "\n" not in str(error.value)
    finally:
        holder.kill()
        holder.communicate()


def test_waiting_is_told_once_and_ends_well(store: Store) -> None:
    said: list[str] = []
    holder = hold(store.path, 1.0)
    assert len(Store(store.path, wait_s=20, on_wait=said.append).systems()) == 1
    holder.communicate()
    assert len(said) == 1
    assert str(holder.pid) in said[0]


@pytest.mark.slow
def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """Both start on a missing file; every result of both must be there."""
    code = """
        import sys
        from tests.factory import TASKS, add_system
        from harness.store import Store
        for seed in range(2):
            add_system(Store(sys.argv[1]), sys.argv[2], seed=seed, tasks=TASKS[2:3], at_once=False)
    """
    path = tmp_path / "results.duckdb"
    both = [python(code, path, name) for name in ("bidir-mntp", "causal-simcse")]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    store = Store(path)
    assert len(store.scores()) == 4
    assert store.scores()["result"].is_unique
    assert all(check.ok for check in store.verify())
    assert [p.name for p in tmp_path.iterdir()] == ["results.duckdb"]


@pytest.mark.slow
def test_four_processes_store_one_measurement_once(tmp_path: Path) -> None:
    """Each has measured the same task and stores it at the same moment, in a run of its own."""
    code = """
        import sys
        from tests.factory import TASKS, add_system, result_of
        from harness.store import Store
        store = Store(sys.argv[1])
        run = add_system(store, "bidir", tasks=())
        results = [result_of(task, skill=0.5) for task in TASKS[:2]]
        print("ready", flush=True); sys.stdin.readline()
        print(*[store.add_result(run, result, again=False) for result in results])
    """
    path = tmp_path / "results.duckdb"
    processes = [python(code, path) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
    numbers = set()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        numbers.add(out)
    store = Store(path)
    assert len(numbers) == 1, "all are told the number of the one result"
    assert (len(store.scores(current=False)), len(store.runs())) == (2, 4)


@pytest.mark.slow
def test_kill_in_a_transaction_leaves_nothing_of_it(store: Store) -> None:
    code = """
        import sys, time
        import harness.store.store as module
        from harness.store import Store
        from tests.factory import TASKS, result_of
        store = Store(sys.argv[1])
        [run] = store.runs()
        class Pausing(dict):
            def __iter__(self):  # after the score was inserted, before its outcomes
                print("inside", flush=True); time.sleep(60); return super().__iter__()
        module.OUTCOME_COLUMNS = Pausing(module.OUTCOME_COLUMNS)
        store.add_result(run.run_id, result_of(TASKS[1], skill=0.5))
    """
    process = python(code, store.path)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n", process.stderr and process.stderr.read()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(store.scores()) == 1
    [run] = store.runs()
    store.add_result(run.run_id, result_of(TASKS[1], skill=0.5))
    assert len(store.scores()) == 2
    assert all(check.ok for check in store.verify())


@pytest.mark.slow
def test_kills_at_any_moment(tmp_path: Path) -> None:
    """A writer killed twice, each at another point: whatever was committed is whole."""
    code = """
        import itertools, sys
        from tests.factory import TASKS, add_system
        from harness.store import Store
        for i in itertools.count():
            print("next", flush=True)
            seed = int(sys.argv[2]) + i
            add_system(Store(sys.argv[1]), "bidir-mntp", seed=seed, tasks=TASKS[2:3], at_once=False)
    """
    store = Store(tmp_path / "results.duckdb")
    for i in range(2):
        process = python(code, store.path, 1000 * i)
        assert process.stdout is not None
        for _ in range(2 + 2 * i):
            process.stdout.readline()
        time.sleep(0.05 * i)
        process.kill()
        process.communicate()
        assert all(check.ok for check in store.verify())
    assert len(store.scores()) >= 3


def test_reading_never_creates(tmp_path: Path) -> None:
    store = Store(tmp_path / "none.duckdb")
    for call in (store.systems, store.runs, store.scores, lambda: list(store.verify())):
        with pytest.raises(HarnessError, match="no database at"):
            call()
    assert not list(tmp_path.iterdir())


def test_read_only_file_and_folder(store: Store) -> None:
    system = System(base="m", base_revision="1", variant="v")
    with pytest.raises(HarnessError, match="opened for reading only"):
        Store(store.path, read_only=True).add_system(system)
    store.path.chmod(0o444)
    with pytest.raises(HarnessError, match=r"is read-only; allow writing with chmod"):
        store.add_system(system)
    assert len(store.systems()) == 1
    store.path.chmod(0o644)
    store.path.parent.chmod(0o555)
    try:
        with pytest.raises(HarnessError, match=r"folder .* is read-only"):
            store.add_system(system)
        with pytest.raises(HarnessError, match=r"folder .* is read-only"):
            Store(store.path.with_name("other.duckdb")).add_system(system)
        assert len(store.systems()) == 1
    finally:
        store.path.parent.chmod(0o755)


@pytest.mark.parametrize(
    "content", [b"", b"id,score\n" * 900], ids=["empty", "csv"]
)  # fmt: skip
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.duckdb"
    path.write_bytes(content)
    for call in (
        Store(path).systems,
        lambda: Store(path).add_system(System(base="m", base_revision="1", variant="v")),
    ):
        with pytest.raises(HarnessError, match="not a DuckDB database"):
            call()
    assert path.read_bytes() == content


def test_folder_missing_folder_and_foreign_database(tmp_path: Path) -> None:
    system = System(base="m", base_revision="1", variant="v")
    with pytest.raises(HarnessError, match="is a folder"):
        Store(tmp_path).systems()
    with pytest.raises(HarnessError, match="does not exist; make it"):
        Store(tmp_path / "no" / "x.duckdb").add_system(system)
    with duckdb.connect(str(tmp_path / "foreign.duckdb")) as connection:
        connection.execute("CREATE TABLE sales (x INTEGER)")
    for call in (
        Store(tmp_path / "foreign.duckdb").systems,
        lambda: Store(tmp_path / "foreign.duckdb").add_system(system),
    ):
        with pytest.raises(HarnessError, match="not one of harness"):
            call()


def test_newer_schema_is_refused(store: Store) -> None:
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'from the future')")
    for call in (store.systems, lambda: store.add_system(System(base="m", base_revision="1", variant="v"))):
        with pytest.raises(HarnessError, match=r"has schema 99 .* upgrade harness"):
            call()


def test_migrations_are_whole_or_nothing() -> None:
    first = known_migrations()
    assert [step.version for step in first] == list(range(1, len(first) + 1))
    connection = duckdb.connect()
    migrate(connection, first, name="x")
    broken = Migration(len(first) + 1, "broken", "CREATE TABLE extra (a INTEGER); SELECT nonsense;")
    with pytest.raises(duckdb.Error):
        migrate(connection, [*first, broken], name="x")
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'extra'").fetchall() == [(0,)]
    good = Migration(len(first) + 1, "good", "ALTER TABLE score ADD COLUMN note VARCHAR;")
    assert migrate(connection, [*first, good], name="x") == migrate(connection, [*first, good], name="x")


def test_storage_format_is_pinned(store: Store) -> None:
    """The format is the file's for life; a DuckDB that is merely installed must not choose it."""
    with duckdb.connect(str(store.path), read_only=True) as connection:
        [(tags,)] = connection.execute("SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL").fetchall()
    assert tags["storage_version"].startswith(STORAGE_VERSION)
