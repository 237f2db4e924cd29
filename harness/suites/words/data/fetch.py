"""Fetch the word-level data over https, each file checked before it is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from harness.errors import HarnessError
from harness.suites.words import DATA_SETS
from harness.suites.words.data.sources import RAW

_TIMEOUT_S = 60  # without a byte
_MOST_BYTES = 64 * 2**20  # no file has more than 1 MB
_MOST_S = 600


def fetch(folder: Path, *, server: str = RAW, note: Callable[[str], None]) -> None:
    """Put every file of every data set into `folder` and check it.

    A file that is there and right is not fetched again; a file is written whole or not at all. `server` is a URL
    (https:, http: or file:) below which files lie as owner/repository/commit/path. Raises HarnessError for a file that
    cannot be had or is not what it is pinned to be.
    """
    files = {file.path: (each.name, file) for each in DATA_SETS for file in each.files}
    for number, (name, file) in enumerate(files.values(), start=1):
        path = folder / file.path
        if path.is_file() and file.is_right(path.read_bytes()):
            continue
        address = f"{server.rstrip('/')}/{file.address}"
        note(f"{number} of {len(files)}: {file.repository}, {file.upstream}")
        content = _get(address, name)
        if not file.is_right(content):
            raise HarnessError(f"{address} has another SHA-256 than expected; it was not stored")
        _write(path, content)
    for data in DATA_SETS:
        data.check(folder)


def _get(address: str, name: str) -> bytes:
    if not address.startswith(("https://", "http://", "file://")):
        raise HarnessError(f"{address!r} is not an https, http or file address; correct --from")
    try:
        with urlopen(address, timeout=_TIMEOUT_S) as answer:
            content = b""
            ends = time.monotonic() + _MOST_S
            while part := answer.read1(2**16):
                content += part
                if len(content) > _MOST_BYTES or time.monotonic() > ends:
                    raise HarnessError(
                        f"{address} sends more than {_MOST_BYTES // 2**20} MB, or takes longer than {_MOST_S // 60} "
                        "minutes, which the file does not; correct --from"
                    )
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise HarnessError(
            f"the data set {name} could not be fetched from {address} ({reason}); check the network, or copy the "
            "folder from another machine and give it with --data-dir"
        ) from None
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise HarnessError(f"cannot write {path} ({error.strerror}); name another folder with --out") from None
