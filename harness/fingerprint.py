"""The SHA-256 of the files that decide a model; a file is read again only if its size or its time has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import HarnessError

_Stamp = tuple[int, int]
_Read = tuple[str, tuple[Path, ...]]
_known: dict[_Read, tuple[list[_Stamp], str]] = {}  # how, which files: their stamps before they were read, the hash


def stamp(path: Path) -> _Stamp:
    """Size and time of the last change of any kind (ctime), which no program can set back."""
    stat = path.stat()
    return stat.st_size, stat.st_ctime_ns


def fingerprint(folder: Path, files: Sequence[Path]) -> str:
    """The hash of the names in `folder` and the contents of `files`."""

    def names_and_contents() -> str:
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    return _remembered("folder", files, names_and_contents)


def contents_sha256(files: Sequence[Path]) -> str:
    """The hash of the contents of `files`, one after another, as of one file."""

    def contents() -> str:
        digest = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    return _remembered("contents", files, contents)


def _remembered(how: str, files: Sequence[Path], make: Callable[[], str]) -> str:
    before = [stamp(path) for path in files]
    if (known := _known.get((how, tuple(files)))) and known[0] == before:
        return known[1]
    made = make()
    _known[how, tuple(files)] = (before, made)
    return made


def check_unchanged(folder: Path, files: Sequence[Path], found: str) -> None:
    """Raise HarnessError if the hash of `files` is no longer `found`."""
    if fingerprint(folder, files) != found:
        raise HarnessError(
            f"{folder} has changed since this command began; give the command again, with a folder that nothing "
            "writes into"
        )
