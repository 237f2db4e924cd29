"""`harness data`: data sets that are fetched once and read from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError, near_names

KNOWN = ("words",)


def fetch(
    name: Annotated[str, typer.Argument(help="The data: words (for the words suite).")],
    out: Annotated[Path | None, typer.Option("--out", help="The folder for the files (default: in the cache).")] = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            help="Another server (https:, http: or file:) that has the files at owner/repository/commit/path.",
        ),
    ] = None,
) -> None:
    """Fetch the files of a group of data sets, check them, and print the folder.

    Each file is fetched at a fixed commit, and its SHA-256 is checked. Files that are already complete are not fetched
    again. If you choose a folder with --out, give it to `harness run` with --data-dir.
    """
    if name not in KNOWN:
        raise HarnessError(f"there are no data {name!r}; {near_names(name, KNOWN)}")
    from harness.cli.screen import err
    from harness.paths import cache_folder
    from harness.suites.words.data.fetch import fetch as fetch_words
    from harness.suites.words.data.sources import RAW, fetched_folder

    folder = out or fetched_folder(cache_folder())
    fetch_words(folder, server=server or RAW, note=err.print)
    print(folder)
