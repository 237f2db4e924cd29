"""Is what a database calls `score` a table? A view or a macro would say something else at every reading."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

from harness.errors import HarnessError
from harness.store.migrate import known_migrations, migrate

# Databases that this process checked, or wrote itself: listing functions takes longer than opening the file.
_TRUSTED: set[tuple[int, ...]] = set()
# With their full names and without functions, because a macro of the database could stand in place of either.
_CODE = """
    SELECT function_type, function_name FROM system.main.duckdb_functions() WHERE NOT internal
    UNION ALL SELECT 'trigger', trigger_name FROM system.main.duckdb_triggers()
"""
_TABLES = """
    SELECT table_name FROM system.main.duckdb_tables() WHERE schema_name = 'main' AND NOT internal AND NOT temporary
"""
_COLUMNS = """
    SELECT table_name, column_name, data_type, column_default FROM system.main.duckdb_columns()
    WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index
"""


def check_tables(connection: duckdb.DuckDBPyConnection, path: Path, *, version: int) -> None:
    """Raise HarnessError if a table of schema `version` has other columns or is none, or the database holds code.

    Tables and views that harness does not know may be there: nothing reads them. Nor is the view `result` read, but
    that of harness.store.migrate.result_view.
    """
    if not version or _state(path) in _TRUSTED:
        return
    for kind, name in connection.execute(_CODE).fetchall():
        kind = kind.replace("_", " ")
        raise HarnessError(f"{path} has a {kind} of its own, {name}, and cannot be trusted; name another with --db")
    found = _tables(connection)
    for name, columns in _made(version).items():
        if found.get(name) != columns:
            what = "is not the table that harness makes" if name in found else "is not a table"
            raise HarnessError(f"{path} cannot be trusted: its {name} {what}; name another database with --db")
    trust(path)


def trust(path: Path) -> None:
    """Note that the database is as this process left it."""
    _TRUSTED.add(_state(path))


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@cache
def _made(version: int) -> dict[str, list[tuple[str, ...]]]:
    """The tables that schema `version` has."""
    with duckdb.connect() as connection:
        migrate(connection, known_migrations()[:version], name="a new database")
        return _tables(connection)


def _tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, ...]]]:
    """Tables and their columns: name, type, and what fills it."""
    tables: dict[str, list[tuple[str, ...]]] = {name: [] for (name,) in connection.execute(_TABLES).fetchall()}
    for name, *column in connection.execute(_COLUMNS).fetchall():
        if name in tables:
            tables[name].append(tuple(column))
    return tables
