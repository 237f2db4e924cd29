"""What a process is about to measure, as locks that others at work on the same database see.

A claim is a lock on one byte of an empty file beside the database. The system gives it back when the process ends,
however it ends, so it needs no heartbeat and never expires. DuckDB itself keeps two writers apart by such locks.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is claimed, and a result that two processes measure is stored once
    fcntl = None  # type: ignore[assignment]

_PLACES = 2**62


class Claims:
    """The claims of this process on results of `database`; one object a process and database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f".{database.name}.claims")
        self._file: int | None = None
        self._held: set[int] = set()

    def take(self, *names: str) -> bool:
        """Claim what is called so; False if another process has. Where locks cannot be had, everything is free."""
        place = _place(names)
        if fcntl is None or place in self._held:
            return True
        while (file := self._opened()) is not None:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):
                return False
            except OSError:  # a file system without locks
                return True
            if _same(file, self._path):
                self._held.add(place)
                return True
            self.close()  # the last process before this one has removed the file
        return True

    def release(self, *names: str) -> None:
        """Give back a claim; nothing where there is none."""
        place = _place(names)
        if fcntl is not None and self._file is not None and place in self._held:
            self._held.discard(place)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        """Give back all claims. The last process removes the file."""
        if fcntl is None or self._file is None:
            return
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # all of it: nobody else has a claim
            if _same(self._file, self._path):
                self._path.unlink()
        os.close(self._file)
        self._file, self._held = None, set()

    def _opened(self) -> int | None:
        if self._file is None:
            with suppress(OSError):
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        return self._file


def _place(names: tuple[str, ...]) -> int:
    """The byte that stands for `names`; it lies beyond the end of the file."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "big") % _PLACES


def _same(file: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False
