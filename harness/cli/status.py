"""`harness status`: what the runs that fill a database are doing."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options

_STATES = {
    "running": "running",
    "ended": "was killed; the same command continues",
    "silent": "has written nothing for a minute; it may have ended, or its machine is busy",
}


def status(
    db: options.Db = options.DB,
    as_json: options.Json = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="Forget runs of this machine that were killed.")] = False,
) -> None:
    """Show what each `harness run` on this database is doing now, and how long the rest takes.

    The time left covers training, opening and measuring. What was never timed on this device is named.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from harness.cli.pulse import duration, status_words
    from harness.cli.screen import out, print_json
    from harness.run.status import read_status
    from harness.run.status import sweep as remove

    if sweep:
        remove(db)
    found = [each for _, each in read_status(db)]
    if as_json:
        print_json([asdict(each) | {"state": each.state} for each in found])
        return
    if not found:
        print(f"No run is at work on {db}.")
    for each in found:
        since = duration(datetime.now(UTC).timestamp() - each.began)
        out.print(f"process {each.pid} on {each.host}, for {since}: {_STATES[each.state]}")
        out.print(f"  {each.command}")
        out.print(f"  {status_words(each)}")
