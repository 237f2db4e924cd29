"""What a run says of itself beside its database, for `harness status` in another terminal. No torch, no DuckDB."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

_SILENT_S = 60.0  # a run on another machine that has written nothing for so long may have ended


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """How far one process is. Moments are seconds since 1970; `started_at` tells a process from a later one of its id.

    `left_s` is the time left of what can be foreseen, `unknown` names what cannot.
    """

    host: str
    pid: int
    started_at: str
    command: str
    began: float
    written: float
    tasks: tuple[int, int]  # done, all
    stages: tuple[int, int]
    doing: str
    left_s: float
    unknown: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """`running`, `ended` (it was killed), or `silent` (on another machine, or stopped: nobody here can know)."""
        if self.host == socket.gethostname() and process_start(self.pid) != self.started_at:
            return "ended"
        return "running" if datetime.now(UTC).timestamp() - self.written < _SILENT_S else "silent"


def status_file(database: Path) -> Path:
    """The file of this process."""
    host = re.sub(r"[^\w-]", "_", socket.gethostname())
    return database.with_name(f".{database.name}.{host}.{os.getpid()}.running")


def write_status(path: Path, status: RunStatus) -> None:
    """Write all of it or nothing; a folder that cannot be written keeps no run from its work."""
    fresh = path.with_name(f"{path.name}.new")
    with suppress(OSError):
        fresh.write_text(json.dumps(asdict(status)), encoding="utf-8")
        fresh.replace(path)


def remove_status(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def read_status(database: Path) -> list[tuple[Path, RunStatus]]:
    """What runs on `database` have written, the oldest first; a file that is no status is left out."""
    found: list[tuple[Path, RunStatus]] = []
    for path in sorted(database.parent.glob(f".{_escaped(database.name)}.*.running")):
        with suppress(OSError, ValueError, TypeError, KeyError):
            fields = json.loads(path.read_text(encoding="utf-8"))
            pairs = {name: tuple(fields[name]) for name in ("tasks", "stages", "unknown")}
            found.append((path, RunStatus(**{**fields, **pairs})))
    return sorted(found, key=lambda each: each[1].began)


def sweep(database: Path) -> Sequence[RunStatus]:
    """Remove what killed processes of this machine left, and return it."""
    dead = [(path, status) for path, status in read_status(database) if status.state == "ended"]
    for path, _ in dead:
        remove_status(path)
    return [status for _, status in dead]


def process_start(pid: int) -> str:
    """What tells a running process from a later one with its number; empty if none runs."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if after_name[0] in "ZX" else after_name[19]  # ticks since boot; a zombie has ended
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "runs"


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
