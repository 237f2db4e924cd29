"""The command line: parse, call, print. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import os
import sys

import typer

from harness.cli import (
    calibrating,
    comparing,
    exporting,
    fetching,
    gating,
    listing,
    probing,
    querying,
    ranking,
    reproducing,
    running,
    upkeep,
)
from harness.errors import HarnessError

app = typer.Typer(
    name="harness",
    help="What does each step of turning a causal language model into a text encoder buy?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for room in (running, listing, comparing, ranking, querying, exporting, upkeep, calibrating, gating):
    room.register(app)
for room in (fetching, probing, reproducing):
    room.register(app)


_INTERRUPTED = 130  # what typer makes of Ctrl-C


def main() -> None:
    """Entry point: a HarnessError is a sentence on stderr and an exit code, never a traceback."""
    try:
        app()
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            print(
                "\nharness: stopped; what was finished is stored, and the same command goes on from there",
                file=sys.stderr,
            )
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
