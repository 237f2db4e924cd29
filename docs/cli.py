"""Write docs/cli.md from the command line: `python docs/cli.py`. A test compares the file with the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from harness.cli import app

HEAD = """# Commands

All commands and their options. This file is generated from the command line: `python docs/cli.py` writes it.
`harness COMMAND --help` prints the same text.

Exit codes: 0 success; 1 a check found a problem (only `compare --exit-code`, `regress` and `calibrate`); 2 bad input,
or another process uses the database; 3 an internal error; 4 a mask proof, `verify` or another proof failed; 5 done, but
some tasks or systems of `run` could not be measured; 130 interrupted.
"""


def commands(group: Any, name: str = "harness") -> Iterator[tuple[str, Any]]:
    """Yield each command with its full name, in the order of `harness --help`."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def page() -> str:
    """Return docs/cli.md."""
    return HEAD + "".join(_section(name, command) for name, command in commands(typer.main.get_command(app)))


def _section(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    return f"\n## {name}\n\n{command.help}\n\n| option | default | meaning |\n| --- | --- | --- |\n{''.join(rows)}"


def _row(parameter: Any) -> str:
    option = parameter.opts[0][:2] == "--"
    words = ", ".join(f"`{word}`" for word in parameter.opts) if option else f"`{parameter.metavar or parameter.name}`"
    value = f" {parameter.metavar}" if option and parameter.metavar else ""
    default = "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"
    meaning = (parameter.help or "").replace("|", "\\|")
    if parameter.envvar:
        meaning += f" The environment variable {parameter.envvar} sets it too."
    return f"| {words}{value} | {'required' if parameter.required else default} | {meaning} |\n"


if __name__ == "__main__":
    (Path(__file__).parent / "cli.md").write_text(page(), encoding="utf-8")
