"""`harness new task`: the card for a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError


def task(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A table (.csv, .tsv, .jsonl, .parquet, or any as .gz), a folder in BEIR's layout, or a .conll file.",
        ),
    ],
    kind: Annotated[
        str | None, typer.Option("--type", help="The type of the task (default: what the columns suggest).")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the task (default: that of the file).")
    ] = None,
) -> None:
    """Write the task card for a table beside it, and show five examples as they will be read.

    The type and the columns are proposed from the heading and the values. Correct the card where they are wrong.
    """
    from harness.cli.screen import out
    from harness.cli.tables import table
    from harness.outcomes import shorten
    from harness.suites.own.propose import propose

    found = propose(file, kind=kind, name=name)
    if found.path.exists():
        raise HarnessError(f"{found.path} is there already; name the task otherwise with --name")
    found.path.write_text(found.text, "utf-8")
    print(found.text)
    headers = tuple(found.examples[0])
    out.print(table(headers, [tuple(shorten(row[role])[:60] for role in headers) for row in found.examples]))
    print(f"\nWritten: {found.path}. What is in it: harness check task {found.path}")
    print(f"Measure it: harness run --variant bidir-supcon --task {found.path}")
