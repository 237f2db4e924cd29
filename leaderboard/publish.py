"""A site ─▶ the user's folder, file by file: what harness did not write there is never touched.

A list in the folder names what harness wrote. Only these files are replaced, and deleted when the new site lacks them.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError

MARKER = "made-by-harness.txt"
_HEAD = "harness replaces these files when the results change, and touches no other file here. Made from"
_UNFINISHED = "(being written)"
_BEFORE_LISTS = re.compile(r"This folder is replaced when the results change\. Made from [0-9a-f]{64}\n")
_BUILDING = ".harness-new-"


def is_current(out: Path, stamp: str) -> bool:
    """Whether `out` holds the site that is made from `stamp`."""
    return (out / "index.html").is_file() and _marker(out).startswith(f"{_HEAD} {stamp}\n")


def check_folder(out: Path, *, beside: bool = False) -> None:
    """Raise HarnessError if `out` is a file, or a folder with files and no list of what harness wrote there.

    With `beside` files of others may be there.
    """
    if out.exists() and not out.is_dir():
        raise HarnessError(f"{out} is a file; name a folder for the site")
    if not out.is_dir() or _marker(out).startswith(_HEAD) or _BEFORE_LISTS.fullmatch(_marker(out)):
        return
    if beside and not (out / MARKER).exists():
        return
    if any(not each.name.startswith(_BUILDING) for each in out.iterdir()):
        raise HarnessError(f"{out} has files that harness did not write; name another folder, or empty this one")


@contextmanager
def published(out: Path, stamp: str) -> Iterator[Path]:
    """Yield an empty folder; at the end what was put there takes its place in `out`, and the list says so.

    The folder lies in `out`, so that a file comes into place whole and a full disk is met before anything is replaced.
    Raises HarnessError, with nothing replaced, if a file that harness did not write is in the way.
    """
    building = out / f"{_BUILDING}{os.getpid()}"
    fresh_folder = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob(f"{_BUILDING}*"):
        if left == building or time.time() - left.stat().st_mtime > 3600:  # a younger one may still be at work
            shutil.rmtree(left, ignore_errors=True)
    try:
        building.mkdir()
        yield building
        with _alone(out):
            _put(building, out, stamp)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        if fresh_folder:
            with suppress(OSError):
                out.rmdir()  # only if nothing came into it


def _put(building: Path, out: Path, stamp: str) -> None:
    made = sorted(path.relative_to(building).as_posix() for path in building.rglob("*") if path.is_file())
    listed = _listed(out)
    for name in made:
        if not _ours(out, name, listed):
            raise HarnessError(
                f"{out / name} is in the way, and harness did not write it; name another folder, or move it away"
            )
    before = listed or set()
    _write_list(out, _UNFINISHED, before.union(made))
    for name in made:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (building / name).replace(out / name)
    for name in sorted(before.difference(made)):
        if (out / name).is_file() and _ours(out, name, listed):
            (out / name).unlink()
            with suppress(OSError):
                (out / name).parent.rmdir()  # only if it is empty
    _write_list(out, stamp, made)


def _ours(out: Path, name: str, listed: set[str] | None) -> bool:
    """Whether `name` may be written: nothing is there, or a file of ours, and no link leads elsewhere on the way."""
    path = out / name
    way = [out / each for each in PurePosixPath(name).parents if each.parts]
    if any(each.is_symlink() or (each.exists() and not each.is_dir()) for each in way):
        return False
    return not os.path.lexists(path) or (
        path.is_file() and not path.is_symlink() and (listed is None or name in listed)
    )


def _marker(out: Path) -> str:
    path = out / MARKER
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def _listed(out: Path) -> set[str] | None:
    """What harness wrote into `out`, by the list there; None for a site of before there were lists: what it has now."""
    text = _marker(out)
    if _BEFORE_LISTS.fullmatch(text):
        return None
    lines = text.splitlines()[1:] if text.startswith(_HEAD) else []
    return {line for line in lines if line and not (PurePosixPath(line).is_absolute() or ".." in line.split("/"))}


def _write_list(out: Path, stamp: str, names: set[str] | list[str]) -> None:
    fresh = out / f"{_BUILDING}{os.getpid()}" / MARKER
    fresh.write_text("\n".join([f"{_HEAD} {stamp}", *sorted(names), ""]), encoding="utf-8", newline="\n")
    fresh.replace(out / MARKER)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process puts files into `folder`; where the system has no such locks, do not wait."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
