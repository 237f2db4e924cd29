"""Where things live on disk, and how a folder comes to be there whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError


def cache_folder() -> Path:
    """Trained stages live here: $HARNESS_CACHE, else $XDG_CACHE_HOME/harness, else ~/.cache/harness."""
    if "HARNESS_CACHE" in os.environ:
        return Path(os.environ["HARNESS_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "harness"


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target`; on success it becomes `target`, on failure it is removed.

    A kill leaves `target` as it was. An existing `target` is replaced.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise HarnessError(
            f"cannot write in {target.parent} ({error.strerror}); make it writable or choose another place"
        ) from None
    building.chmod(0o755)
    try:
        yield building
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
            target.rename(old / "old")
            building.rename(target)
            shutil.rmtree(old)
        else:
            building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
