"""Where things live on disk, and how a folder comes to be there whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError


def cache_folder() -> Path:
    """Trained stages live here: $HARNESS_CACHE, else $XDG_CACHE_HOME/harness, else ~/.cache/harness."""
    if "HARNESS_CACHE" in os.environ:
        return Path(os.environ["HARNESS_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "harness"


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
    for left in (*target.parent.glob(f".{target.name}.*.new"), *target.parent.glob(f".{target.name}.*.old")):
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
