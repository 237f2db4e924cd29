"""The schema's versions: numbered SQL files, each applied once, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb

from harness.errors import HarnessError


@dataclass(frozen=True)
class Migration:
    """One step of the schema: `version` counts from 1 without gaps."""

    version: int
    name: str
    sql: str


@cache
def known_migrations() -> tuple[Migration, ...]:
    folder = files("harness.store") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(Migration(int(name[:4]), name, (folder / name).read_text("utf-8")) for name in names)


@cache
def result_view() -> str:
    """Return SQL that makes the view `result` for one connection: what a file calls so may be another query."""
    sql = next(step.sql for step in reversed(known_migrations()) if "CREATE VIEW result" in step.sql)
    return sql[sql.index("CREATE VIEW result") :].replace("CREATE VIEW", "CREATE TEMP VIEW", 1)


def read_version(connection: duckdb.DuckDBPyConnection, *, name: str) -> int:
    """Return the version of database `name`, 0 for an empty one; raise HarnessError if it is not ours."""
    try:  # listing the tables would take as long as opening the file
        rows = connection.execute("SELECT version FROM main.schema_version").fetchall()
    except duckdb.CatalogException:
        if connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            raise HarnessError(f"{name} is a DuckDB database, but not one of harness; name another with --db") from None
        return 0
    return max((int(version) for (version,) in rows), default=0)


def check_version(version: int, *, newest: int, name: str) -> None:
    """Raise HarnessError if database `name` was written by a newer harness than this one."""
    if version > newest:
        raise HarnessError(
            f"{name} has schema {version} and this harness knows schemas up to {newest}; "
            "upgrade harness, or name another database with --db"
        )


def migrate(connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], *, name: str) -> int:
    """Bring database `name` to the last of `migrations` and return it; each step is all or nothing."""
    version = read_version(connection, name=name)
    check_version(version, newest=migrations[-1].version, name=name)
    for step in migrations:
        if step.version <= version:
            continue
        connection.execute("BEGIN")
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name VARCHAR)")
            connection.execute(step.sql)
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", [step.version, step.name])
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return migrations[-1].version
