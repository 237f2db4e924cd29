"""`harness merge`: databases that were filled apart become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def merge(
    databases: Annotated[
        list[Path],
        typer.Argument(metavar="DATABASE…", help="The databases, for example those of `harness run --shard 1/3`."),
    ],
    into: Annotated[
        Path, typer.Option("--into", help="The database that gets their results. It may be there already.")
    ],
    as_json: options.Json = False,
) -> None:
    """Add the results of other databases to one database, with their runs, provenance, stages and outcomes.

    A result that is there already is not added again, so the same command twice changes nothing. All is added in one
    step: after an interruption or a refusal the database is as it was before.

    Refused are databases of a newer schema, unlike outcomes of one system and task, and results of one system that were
    measured with unlike weights.

    Example: harness merge shard-1.duckdb shard-2.duckdb shard-3.duckdb --into results.duckdb
    """
    from dataclasses import asdict

    from harness.cli.screen import err, out, print_json
    from harness.cli.tables import table
    from harness.store.merge import merge as merge_databases

    merged = merge_databases(databases, into, on_wait=lambda message: err.print(message))
    if as_json:
        print_json([asdict(each) for each in merged])
        return
    rows = [(each.source, each.added, each.there) for each in merged]
    out.print(table(("database", "results added", "there already"), rows, right=(1, 2)))
    for each in merged:
        for stage in each.retrained:
            err.print(
                f"{each.source}: stage {stage} has other weights than in {into}; systems that share this stage may "
                "stand on two trainings of it"
            )
    print(f"\nWrite the pages: harness site --db {into}")
