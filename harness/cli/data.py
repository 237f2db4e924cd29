"""`harness data`: data sets that are fetched once and read from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError, near_names

KNOWN = ("words",)


def fetch(
    name: Annotated[str, typer.Argument(help="words: the data of the words suite.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to put the files into (default: in the cache).")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            help="Another server (https:, http:, file:) with the files at owner/repository/commit/path.",
        ),
    ] = None,
) -> None:
    """Fetch every file of a group of data sets at its pinned commit and check its sha256; print the folder.

    What is there and right already is not fetched again. `--data-dir` of `harness run` reads such a folder.
    """
    if name not in KNOWN:
        raise HarnessError(f"no data are named {name!r}; {near_names(name, KNOWN)}")
    from harness.cli.screen import err
    from harness.suites.words.data.fetch import fetch as fetch_words
    from harness.suites.words.data.folder import default_folder
    from harness.suites.words.data.sources import RAW

    data = fetch_words(out or default_folder(), server=server or RAW, note=err.print)
    print(data.folder)
