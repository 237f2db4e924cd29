"""Where things live on disk, and how a folder comes to be there whole or not at all."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from harness.errors import HarnessError

_LOG = logging.getLogger("harness")


def cache_folder() -> Path:
    """Trained stages live here: $HARNESS_CACHE, else $XDG_CACHE_HOME/harness, else ~/.cache/harness.

    A variable that is set to nothing counts as not set.
    """
    if own := os.environ.get("HARNESS_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "harness"


@contextmanager
def room_for(folder: Path) -> Iterator[None]:
    """While this lasts, a full disk is a HarnessError that names `folder`, whichever library met it."""
    try:
        yield
    except Exception as error:
        met: BaseException | None = error
        while met is not None and not _is_full(met):
            met = met.__cause__ or met.__context__
        if met is None or isinstance(error, HarnessError):
            raise
        raise HarnessError(
            f"the disk of {folder} is full; make room there, or name another folder with HARNESS_CACHE, and give the "
            "same command again"
        ) from None


@contextmanager
def alone_at(folder: Path) -> Iterator[None]:
    """While this lasts, no other process makes `folder` in the cache, and a full disk is a HarnessError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            f"cannot write {folder.parent} ({error.strerror}); make it writable, or name another folder with "
            "HARNESS_CACHE"
        ) from None
    with room_for(folder), FileLock(f"{folder}.lock"):
        yield


@contextmanager
def told(doing: str, done: str) -> Iterator[None]:
    """Log (`harness`, INFO) what is being done, and at the end what was done and in how many seconds."""
    _LOG.info(doing)
    began = time.monotonic()
    yield
    _LOG.info(f"{done} in {time.monotonic() - began:.0f} s")


def _is_full(error: BaseException) -> bool:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    # safetensors and torch report it in words of their own
    return full or any(said in str(error) for said in ("No space left on device", "file write failed"))


def new_folder(out: Path) -> Path:
    """`out`, if nothing is there yet; HarnessError if it holds anything."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise HarnessError(f"{out} is not empty; name a new folder with --out")
    return out


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; at the end it takes the place of `target`, on failure it is removed.

    A kill leaves `target` as it was. Where two processes make the same folder, the last one stays.
    """
    target = target.resolve()  # a link stays one, and what it names is written
    if target == Path.cwd():
        raise HarnessError(f"{target} is the folder that you are in; name a new folder")
    building = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
    except OSError as error:
        raise HarnessError(
            f"cannot write {target} ({error.strerror}); make its folder writable, or name another place"
        ) from None
    try:
        yield building
        _swap(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    for tries_left in reversed(range(5)):
        shutil.rmtree(old, ignore_errors=True)
        try:
            if target.exists():
                target.rename(old)
            fresh.rename(target)
            break
        except OSError:
            if not tries_left:
                if old.exists() and not target.exists():
                    old.rename(target)
                raise
    shutil.rmtree(old, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what killed processes left beside `target`; a folder younger than an hour may still be at work."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[0-9]+\.(new|old)")
    for left in target.parent.iterdir():
        if ours.fullmatch(left.name) and time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
