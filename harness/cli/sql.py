"""`harness sql`: read the database with SQL."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One statement that reads.")],
    db: options.Db = options.DB,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
) -> None:
    """Read the database with SQL (DuckDB's): tables system, run, score, outcome, and the view result.

    For example: harness sql "SELECT variant, task, avg(score) FROM result WHERE current GROUP BY ALL ORDER BY ALL".
    Nothing can be written and no other file is read.
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
