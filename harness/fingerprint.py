"""The SHA-256 of the files that decide a model; a file is read again only if its size or its time has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError

_Stamp = tuple[int, int]
_known: dict[tuple[Path, ...], tuple[list[_Stamp], str]] = {}  # files: their stamps before they were read, the hash


def stamp(path: Path) -> _Stamp:
    """Size and time of the last change of any kind (ctime), which no program can set back."""
    stat = path.stat()
    return stat.st_size, stat.st_ctime_ns


def fingerprint(folder: Path, files: Sequence[Path]) -> str:
    """The hash of the names in `folder` and the contents of `files`."""
    before = [stamp(path) for path in files]
    if (known := _known.get(tuple(files))) and known[0] == before:
        return known[1]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    _known[tuple(files)] = (before, digest.hexdigest())
    return digest.hexdigest()


def check_unchanged(folder: Path, files: Sequence[Path], found: str) -> None:
    """Raise HarnessError if the hash of `files` is no longer `found`."""
    if fingerprint(folder, files) != found:
        raise HarnessError(
            f"{folder} has changed since this command began; give the command again, with a folder that nothing "
            "writes into"
        )
