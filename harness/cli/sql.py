"""`harness sql`: read the database with SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

import typer

from harness.cli import options


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT statement.")],
    db: options.Db = options.DB,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
) -> None:
    """Query the database with DuckDB's SQL: tables system, run, score, cost and outcome, and the view result.

    Example: harness sql "SELECT variant, task, avg(score) FROM result WHERE current GROUP BY ALL ORDER BY ALL".

    A query cannot write anything, and it cannot read other files.
    """
    import csv

    from harness.cli.screen import out, print_json
    from harness.cli.streams import data_stream
    from harness.cli.tables import table
    from harness.errors import HarnessError
    from harness.store import Store

    if as_json and as_csv:
        raise HarnessError("give --json or --csv, not both")
    frame = Store(db, read_only=True).query(query)
    names, rows = [str(name) for name in frame.columns], frame.to_numpy().tolist()
    if as_csv:
        csv.writer(data_stream(), lineterminator="\n").writerows(
            [names, *([_cell(each) for each in row] for row in rows)]
        )
    elif as_json:
        if len(set(names)) < len(names):
            raise HarnessError("two columns of the result have one name; give one another name with AS")
        print_json([{name: _json(value) for name, value in zip(names, row, strict=True)} for row in rows])
    else:
        numbers = [i for i in range(len(names)) if any(isinstance(row[i], (int, float, Decimal)) for row in rows)]
        out.print(table(names, rows, right=numbers))


def _json(value: Any) -> Any:
    """A value of DuckDB as JSON holds it, to the last digit: NaN and infinity are null, moments and the like text."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(each) for each in value]
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    """A value of DuckDB as a cell of CSV: lists and structures as JSON, bytes as in JSON, anything else as it is."""
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(_json(value), default=str, ensure_ascii=False)
    return _json(value) if isinstance(value, (bytes, bytearray)) else value
