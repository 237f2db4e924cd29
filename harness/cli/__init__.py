"""The command line, one file a command: parse, call, print. Heavy imports stay inside the command that needs them."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from harness.cli import cache, check, new
from harness.cli.data import fetch
from harness.cli.streams import safe_streams, visible
from harness.errors import HarnessError

_INTERRUPTED = 130  # what typer makes of Ctrl-C
_INTERNAL = 3
_REPORT = (
    "This is a fault of harness. Report it to the maintainers, in the issues of the repository that you have it from, "
    "with the lines above, the command, and what `harness doctor` says"
)
# In the order in which `harness --help` lists them, by group: the function NAME of harness/cli/NAME.py.
GROUPS = {
    "Measure": ("run", "status", "merge", "dose", "train", "noise"),
    "Compare": ("compare", "axis", "rank", "power", "words", "layers", "repetition", "distractors", "reproduce"),
    "Look up and take away": ("ls", "show", "sql", "site", "table", "figure", "export"),
    "Check": ("verify", "regress", "calibrate", "doctor"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
_FIRST = (
    "Measure what each step of turning a causal language model into a text encoder buys.\n\n"
    "Try this first: `harness run --variant bidir-supcon`. It trains a small model that comes with the package, "
    "measures it beside the causal base and writes the pages."
)


def _help(command: Callable[..., None]) -> str:
    """The command's docstring with each paragraph on one line, so that the terminal alone decides where lines end."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.__doc__ or ""))


app = typer.Typer(
    name="harness",
    help=_FIRST,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for _group, _names in GROUPS.items():
    for _name in _names:
        _command = getattr(import_module(f"harness.cli.{_name}"), _name)
        app.command(help=_help(_command), rich_help_panel=_group)(_command)
_data = typer.Typer(help="Fetch data sets that do not come from the hub.", no_args_is_help=True)
_data.command(help=_help(fetch))(fetch)
app.add_typer(_data, name="data", rich_help_panel="Measure")
_cache = typer.Typer(help="See what lies in the cache, and remove what nothing needs.", no_args_is_help=True)
for _command in (cache.ls, cache.prune):
    _cache.command(help=_help(_command))(_command)
app.add_typer(_cache, name="cache", rich_help_panel="Check")
for _name, _command, _about, _group in (
    ("new", new.task, "Write a card for a file of yours.", "Measure"),
    ("check", check.task, "See what is in a task of your own.", "Check"),
):
    _typer = typer.Typer(help=_about, no_args_is_help=True)
    _typer.command(help=_help(_command))(_command)
    # One command alone would be taken for the group itself.
    _typer.callback()(lambda: None)
    app.add_typer(_typer, name=_name, rich_help_panel=_group)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"harness {version('encoder-harness')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: what a user can mend is a sentence on stderr and an exit code; only a fault of ours has a traceback.

    Exit codes: 0 done; 1 a verdict that was asked for; 2 bad input; 3 an internal error; 4 a proof failed;
    5 done, but some tasks or systems failed.
    """
    try:
        with safe_streams():
            app()
    except HarnessError as error:
        _end(f"harness: {error}", error.exit_code)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _end(
                "\nharness: stopped; finished results and stages are kept, and the same command goes on from there (a "
                "stage in training from its last checkpoint, one each tenth of its steps)",
                _INTERRUPTED,
            )
        raise
    except Exception as error:  # noqa: BLE001 - the last place to say it
        if isinstance(error, OSError) and error.errno is not None:
            where = "" if error.filename is None else f"{error.filename}: "
            _end(f"harness: {where}{error.strerror}; make room or give permission there, or name another place", 2)
        _end(f"{traceback.format_exc()}harness: an internal error ({type(error).__name__}). {_REPORT}", _INTERNAL)


def _end(said: str, code: int) -> NoReturn:
    """Say the last words, if standard error takes them, and end."""
    with suppress(OSError):
        print(visible(said), file=sys.stderr, flush=True)
    raise SystemExit(code) from None
