"""The command line, one file a command: parse, call, print. Heavy imports stay inside the command that needs them."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module

import typer

from harness.cli.data import fetch
from harness.errors import HarnessError

_INTERRUPTED = 130  # what typer makes of Ctrl-C
# In the order in which `harness --help` lists them: the function NAME of harness/cli/NAME.py.
COMMANDS = (
    *("run", "train", "ls", "show", "compare", "rank", "power", "words", "sql", "noise", "export", "site"),
    *("reproduce", "verify", "regress", "calibrate", "doctor"),
)


def _help(command: Callable[..., None]) -> str:
    """The command's docstring with each paragraph on one line, so that the terminal alone decides where lines end."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.__doc__ or ""))


app = typer.Typer(
    name="harness",
    help="Measure what each step of turning a causal language model into a text encoder buys.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _name in COMMANDS:
    _command = getattr(import_module(f"harness.cli.{_name}"), _name)
    app.command(help=_help(_command))(_command)
_data = typer.Typer(help="Fetch data sets that do not come from the hub.", no_args_is_help=True)
_data.command(help=_help(fetch))(fetch)
app.add_typer(_data, name="data")


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
                "\nharness: stopped; finished results are stored, and the same command continues from there",
                file=sys.stderr,
            )
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
