"""Standard output and error: whatever text a name or a file brings along is shown, and neither obeyed nor fatal.

A control character (of a terminal's escape sequence, of the writing direction) is written as \\u001b, which in JSON is
the same character. A mark that the encoding lacks is written some other way. What cannot be written at all ends
in a sentence, and a reader that went away (`| head`) ends the command as it ends others.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import HarnessError

_PIPE_CLOSED = 141  # as a shell reports SIGPIPE
# C0 (but tab and line feed), DEL, C1, and what moves, hides or breaks text
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PLAIN = {
    **dict.fromkeys("–—−─━╌", "-"), **dict.fromkeys("│┃", "|"), **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'), **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    "…": "...", "→": "->", "▶": ">", "×": "x", "·": "-", "≥": ">=", "≤": "<=", "✓": "ok", "✗": "x", "±": "+-",
}  # fmt: skip


def visible(text: str) -> str:
    """`text` with its control characters written out.

    >>> visible("\\x1b[31mred")
    '\\\\u001b[31mred'
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _other_way(error: UnicodeError) -> tuple[str, int]:
    """How characters that the encoding lacks are written: for codecs.register_error."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_PLAIN.get(each, "?") for each in found), error.end


codecs.register_error("harness", _other_way)


class _Stream:
    """A text stream whose errors are ours. Rich writes to it as it is; it makes text visible itself (screen.py)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="harness")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As of a file; HarnessError if it cannot be written."""
        with self._sentences():
            return int(self._stream.write(text) or 0)

    def flush(self) -> None:
        """As of a file; HarnessError if it cannot be written."""
        with self._sentences():
            self._stream.flush()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What is left in the buffer goes nowhere, or Python would complain about it as it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if isinstance(error, BrokenPipeError):
                raise SystemExit(_PIPE_CLOSED) from None
            name = "standard error" if self._stream.fileno() == 2 else "standard output"
            raise HarnessError(f"cannot write to {name} ({error.strerror}); send it to another place") from None


class _VisibleStream(_Stream):
    """What `print` writes to: control characters are made visible on the way."""

    def __init__(self, stream: Any) -> None:
        super().__init__(_Stream(stream))
        self.rich_proxied_file = self._stream  # the name by which Rich finds the stream behind

    def write(self, text: str) -> int:
        """As of a file; HarnessError if it cannot be written."""
        return int(self._stream.write(visible(text)))


def data_stream() -> Any:
    """Standard output for tables that programs read: to a pipe or a file everything is written as it is."""
    return sys.stdout if sys.stdout.isatty() else getattr(sys.stdout, "rich_proxied_file", sys.stdout)


@contextmanager
def safe_streams() -> Iterator[None]:
    """While this lasts, standard output and error are such streams; they are flushed at the end."""
    _open_missing()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _VisibleStream(sys.stdout), _VisibleStream(sys.stderr)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        finally:
            sys.stdout, sys.stderr = before


def _open_missing() -> None:
    """Where a standard stream was closed (`>&-`), open the null device: else the database could have its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
