"""Opening the database for one short transaction: waiting for its turn, and saying why it cannot be opened.

DuckDB lets one process write, or many read; every other open fails at once. So no connection outlives a call,
and an open that finds the file taken tries again until its time is up.

A database may come from somebody else. So no connection reads another file, loads an extension or changes these
settings, and what a query of ours reads is checked to be a table (harness.store.check).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from harness.errors import HarnessError, StoreBusyError
from harness.store.check import check_tables, trust
from harness.store.migrate import check_version, known_migrations, migrate, read_version, result_view

# A file keeps the storage format it was created with. Pinned to DuckDB's long-term release, so that the
# database opens there too and its format does not depend on the version that happens to be installed.
STORAGE_VERSION = "v1.4.0"
OLDEST_READABLE = 1
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",  # a name in a query is a table's, never that of a Python variable
    "enable_external_access": "false",  # no other file, whatever a view, a macro or a query says
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "lock_configuration": "true",
}
_MAGIC = slice(8, 12), b"DUCK"  # of a DuckDB file
_REMOTE = re.compile(r"[a-z0-9_]*:", re.IGNORECASE)  # DuckDB's names for what is no file: :memory:, md:…, postgres:…
_PAUSE_S = (0.02, 0.5)  # first and longest pause between two tries

OnWait = Callable[[str], None]


@contextmanager
def writing(
    path: Path, *, wait_s: float, on_wait: OnWait | None, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection inside a transaction, committed at the end and rolled back on any exception.

    Creates and migrates the database where needed. With one of `threads` the file is open sooner (None: one a core).
    Raises StoreBusyError after `wait_s` seconds in the queue, HarnessError for a path that cannot be written or is no
    harness database.
    """
    _create(path)
    _check_writable(path)
    connection = _open(path, read_only=False, wait_s=wait_s, on_wait=on_wait, threads=threads)
    try:
        with _sentences(path):
            version = read_version(connection, name=str(path))
            check_version(version, newest=known_migrations()[-1].version, name=str(path))
            check_tables(connection, path, version=version)
            migrate(connection, known_migrations(), name=str(path))
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
    finally:
        connection.close()
    trust(path)


@contextmanager
def reading(
    path: Path, *, wait_s: float, read_only: bool, on_wait: OnWait | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a read-only connection; never creates the file. Errors as in `writing`.

    A database of an older schema is brought up to date first. With `read_only` it is read as it is: schemas from
    OLDEST_READABLE on lack later tables, and nothing else.
    """
    if not path.exists():
        raise HarnessError(f"there is no database at {path}; make one with `harness run`, or name another with --db")
    newest = known_migrations()[-1].version
    connection = _open(path, read_only=True, wait_s=wait_s, on_wait=on_wait)
    try:
        with _sentences(path):
            version = read_version(connection, name=str(path))
            check_version(version, newest=newest, name=str(path))
            check_tables(connection, path, version=version)
            if version < newest and not (read_only and version >= OLDEST_READABLE):
                if read_only:
                    raise HarnessError(f"{path} has the older schema {version}; open it once for writing to update it")
                connection.close()
                with writing(path, wait_s=wait_s, on_wait=on_wait):
                    pass
                connection = _open(path, read_only=True, wait_s=wait_s, on_wait=on_wait)
            connection.execute(result_view())
            yield connection
    finally:
        connection.close()


def file_state(path: Path) -> tuple[int, ...]:
    """What is another tuple once the database, or the log that a killed writer left beside it, has been written to."""
    found: tuple[int, ...] = ()
    for each in (path, path.with_name(f"{path.name}.wal")):
        with suppress(FileNotFoundError):
            stat = each.stat()
            found += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def check_name(path: Path) -> None:
    """Raise HarnessError for a name by which DuckDB would open something else than a file of this machine."""
    if _REMOTE.match(str(path)) and not (path.is_file() or re.match(r"[a-z]:", str(path), re.IGNORECASE)):
        raise HarnessError(f"{str(path)!r} is no name of a file, and results are kept in one; name a file with --db")


def _create(path: Path) -> None:
    """Make an empty store at `path` if nothing is there; whole or not at all, whoever else does the same."""
    if os.path.lexists(path):
        return
    if not path.parent.is_dir():
        raise HarnessError(f"the folder {path.parent} does not exist; make it, or name another database with --db")
    _check_folder(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    try:
        connection = duckdb.connect(str(fresh), config={**_CONFIG, "storage_compatibility_version": STORAGE_VERSION})
        try:
            migrate(connection, known_migrations(), name=str(path))
        finally:
            connection.close()
        publish(fresh, path)
    except duckdb.Error as error:
        raise HarnessError(f"cannot create the database {path}: {_first_line(error)}") from None
    finally:
        fresh.unlink(missing_ok=True)


def publish(fresh: Path, path: Path) -> bool:
    """Let the database `fresh` stand at `path` too, or instead; False where another stands there already, and stays."""
    # A link, unlike a rename, fails where another process was quicker.
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    except OSError:
        if path.exists():
            return False
        fresh.rename(path)
    return True


def _open(
    path: Path, *, read_only: bool, wait_s: float, on_wait: OnWait | None, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    _check_file(path)
    config = _CONFIG if threads is None else {**_CONFIG, "threads": threads}
    deadline = time.monotonic() + wait_s
    pause, told = _PAUSE_S[0], False
    while True:
        try:
            return duckdb.connect(str(path.absolute()), read_only=read_only, config=config)
        except duckdb.Error as error:
            holder = _holder(error)
            if holder is None:
                raise HarnessError(_why_not(path, error)) from None
        if time.monotonic() >= deadline:
            raise StoreBusyError(
                f"{path} is in use by {holder} and was not released within {wait_s:g} s; "
                "wait for it to finish, or name another database with --db"
            )
        if on_wait is not None and not told:
            on_wait(f"waiting for {path}: in use by {holder}")
            told = True
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.6, _PAUSE_S[1])


def _holder(error: duckdb.Error) -> str | None:
    """Return who holds the file if that is what `error` says, None if it is about something else."""
    message = str(error)
    if "Could not set lock" in message or "being used by another process" in message:
        pid = re.search(r"PID (\d+)", message)
        return f"process {pid[1]}" if pid else "another process"
    if "different configuration than existing connections" in message:
        return "another thread of this process"
    return None


def _why_not(path: Path, error: duckdb.Error) -> str:
    message = str(error)
    if "ermission denied" in message:
        return f"no permission to open {path}; change it with chmod, or name another database with --db"
    if "newer" in message or "storage version" in message.lower():
        return f"{path} was written by a newer DuckDB than {duckdb.__version__}; upgrade duckdb"
    return _damaged(path, error) or f"cannot open the database {path}: {_first_line(error)}"


def _check_file(path: Path) -> None:
    """Raise HarnessError for what is no file of DuckDB's; DuckDB would load an extension that can read it."""
    if path.is_dir():
        raise HarnessError(f"{path} is a folder, not a database; name a file with --db")
    if not path.is_file():
        what = "a link to a file that does not exist" if path.is_symlink() else "not a regular file"
        raise HarnessError(f"{path} is {what}, so it cannot hold a database; name another with --db")
    where, magic = _MAGIC
    try:
        with path.open("rb") as file:
            found = file.read(where.stop)[where]
    except OSError as error:
        raise HarnessError(
            f"cannot read the database {path} ({error.strerror}); change it with chmod, or name another with --db"
        ) from None
    if found != magic:
        raise HarnessError(f"{path} is not a DuckDB database; name another with --db, or move this file away")


def _check_writable(path: Path) -> None:
    # The mode is looked at as well as asked for: root may write anything, but "read-only" is still meant.
    if path.is_file() and (not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222):
        raise HarnessError(f"the database {path} is read-only; allow writing with chmod u+w, or name another with --db")
    _check_folder(path)


def _check_folder(path: Path) -> None:
    folder = path.parent
    if folder.is_dir() and (not os.access(folder, os.W_OK) or not folder.stat().st_mode & 0o222):
        raise HarnessError(
            f"the folder {folder} is read-only, and DuckDB writes its log there; "
            "allow writing with chmod u+w, or name another database with --db"
        )


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what DuckDB says into one sentence that names the database."""
    try:
        yield
    except duckdb.Error as error:
        raise HarnessError(_damaged(path, error) or f"the database {path} refused: {_first_line(error)}") from error


def _damaged(path: Path, error: duckdb.Error) -> str | None:
    """A sentence where DuckDB found that the file is not what it wrote, else None."""
    internal = (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
    said = str(error).lower()
    if isinstance(error, internal) or "corrupt" in said or "checksum" in said or "deserial" in said:
        return f"the database {path} is damaged ({_first_line(error)}); put back a copy, or name another with --db"
    return None


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]
