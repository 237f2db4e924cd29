"""A user's own SELECT: it reads this database and nothing else."""

from __future__ import annotations

import re

import duckdb
import pandas as pd

from harness.errors import HarnessError

# PIVOT comes down to a MULTI statement: a type for its columns, which goes away with the connection, and a SELECT.
_READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
_PIVOTS = re.compile(r"[\s(]*(pivot|pivot_wider|select|with|from|explain)\b", re.IGNORECASE)


def run_query(connection: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    """Run one reading statement on a read-only connection (`reading`), to which other files are out of reach.

    The columns hold Python's objects, so that no digit is lost. Raises HarnessError for more than one statement, one
    that writes, and SQL that DuckDB cannot run.
    """
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1:
            raise HarnessError(f"give one SELECT, not {len(statements)} statements")
        pivots = statements[0].type == duckdb.StatementType.MULTI and _PIVOTS.match(sql)
        if statements[0].type not in _READS and not pivots:
            kind = statements[0].type.name
            raise HarnessError(f"this command only reads the database, and {kind} is not allowed; give a SELECT")
        done = connection.execute(sql)
        names = [column[0] for column in done.description or ()]
        return pd.DataFrame(done.fetchall(), columns=pd.Index(names), dtype=object)
    except (duckdb.Error, ValueError, OverflowError) as error:  # a value that Python has no object for, or no statement
        first = str(error).strip().splitlines()[0]
        raise HarnessError(f"DuckDB cannot run this: {first}") from None
