"""While a run lasts: a status file for other terminals, and a line a minute where there is no terminal."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import gethostname

from harness.run.forecast import Forecast
from harness.run.status import RunStatus, process_start, remove_status, status_file, sweep, write_status

_WRITE_S = 5.0
_SAY_S = 60.0
_NAMED = 3  # of what is not foreseen


class Pulse:
    """Writes how far `forecast` is beside `database` until it is stopped, and hands a line a minute to `say`.

    `doing` is what is worked on. A process that is killed leaves its file, which `harness status` recognises.
    """

    def __init__(self, forecast: Forecast, database: Path, say: Callable[[str], None] | None) -> None:
        self.forecast, self.doing = forecast, "opening"
        self._file, self._say = status_file(database), say
        self._began, self._ended = time.time(), threading.Event()
        sweep(database)
        self._write()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write no more, and remove the file."""
        self._ended.set()
        self._thread.join()
        remove_status(self._file)

    def _beat(self) -> None:
        said = time.monotonic()
        while not self._ended.wait(_WRITE_S):
            status = self._write()
            if self._say is not None and time.monotonic() - said >= _SAY_S:
                said = time.monotonic()
                self._say(status_words(status))

    def _write(self) -> RunStatus:
        forecast, left = self.forecast, self.forecast.left()
        status = RunStatus(
            host=gethostname(),
            pid=os.getpid(),
            started_at=process_start(os.getpid()),
            command=shlex.join(["harness", *sys.argv[1:]]),
            began=self._began,
            written=time.time(),
            tasks=(forecast.done_tasks, forecast.all_tasks),
            stages=(forecast.done_stages, forecast.all_stages),
            doing=self.doing,
            left_s=left.seconds,
            unknown=left.unknown,
        )
        write_status(self._file, status)
        return status


def status_words(status: RunStatus) -> str:
    """How far a run is, in a line."""
    (tasks, all_tasks), (stages, all_stages) = status.tasks, status.stages
    trained = f", {stages} of {all_stages} stages trained" if all_stages else ""
    return (
        f"{tasks} of {all_tasks} tasks measured{trained}; now {status.doing}; "
        f"time left {left_words(status.left_s, status.unknown)}"
    )


def left_words(seconds: float, unknown: Sequence[str], *, short: bool = False) -> str:
    """The time left; where a part of it cannot be foreseen, which. `short`: that there is one, and not which."""
    if not unknown:
        return f"about {duration(seconds)}"
    if short:
        return f"more than {duration(seconds)}" if seconds >= 1 else "not known yet"
    names = ", ".join(unknown[:_NAMED]) + (f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else "")
    least = f"more than {duration(seconds)}; " if seconds >= 1 else ""
    return f"{least}not known yet, because nothing like it was timed here: {names}"


def duration(seconds: float) -> str:
    """About how long, in the largest unit of which there are two."""
    units = [(3600, "h"), (60, "min"), (1, "s")]
    size, unit = next(((size, unit) for size, unit in units if seconds >= 2 * size), units[-1])
    return f"{seconds / size:.0f} {unit}"
