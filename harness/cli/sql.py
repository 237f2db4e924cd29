"""`harness sql`: read the database with SQL."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT statement.")],
    db: options.Db = options.DB,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
) -> None:
    """Query the database with DuckDB's SQL: tables system, run, score and outcome, and the view result.

    Example: harness sql "SELECT variant, task, avg(score) FROM result WHERE current GROUP BY ALL ORDER BY ALL".

    A query cannot write anything, and it cannot read other files.
    """
    import json
    import sys

    from harness.cli.screen import out, table
    from harness.errors import HarnessError
    from harness.store import Store

    if as_json and as_csv:
        raise HarnessError("give --json or --csv, not both")
    frame = Store(db, read_only=True).query(query)
    if as_csv:
        frame.to_csv(sys.stdout, index=False)
    elif as_json:
        rows = json.loads(frame.to_json(orient="records", date_format="iso"))
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        numbers = [i for i, dtype in enumerate(frame.dtypes) if dtype.kind in "iuf"]
        rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
        out.print(table([str(name) for name in frame.columns], rows, right=numbers))
