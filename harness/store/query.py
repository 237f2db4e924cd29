"""A user's own SELECT: it reads this database and nothing else."""

from __future__ import annotations

import duckdb
import pandas as pd

from harness.errors import HarnessError

_READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def run_query(connection: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    """Run one reading statement on a read-only connection; files and other databases are out of its reach.

    Raises HarnessError for more than one statement, one that writes, and SQL that DuckDB cannot run.
    """
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1:
            raise HarnessError(f"give one SELECT, not {len(statements)} statements")
        if statements[0].type not in _READS:
            kind = statements[0].type.name
            raise HarnessError(f"this command only reads the database, and {kind} is not allowed; give a SELECT")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection.execute(sql).df()
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise HarnessError(f"DuckDB cannot run this: {first}") from None
