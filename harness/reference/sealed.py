"""JSON lines whose last line is the SHA-256 of the others: a file that was changed is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.records import to_json

FORMAT = "harness reference 1"
AGAIN = "make it again with `harness regress --update` or `harness export --format text`"


def write_sealed(path: Path, head: dict[str, Any], rows: Iterable[dict[str, Any]]) -> None:
    """Write `head` with the format's name, then `rows`, a line each, then the hash."""
    text = "".join(f"{to_json(line)}\n" for line in ({"format": FORMAT, **head}, *rows))
    path.write_text(text + _seal(text) + "\n", encoding="utf-8", newline="\n")


def read_sealed(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the head and the rows of a file of `write_sealed`; raise HarnessError if it is not one, to the byte."""
    body, _, last = path.read_text(encoding="utf-8").removesuffix("\n").rpartition("\n")
    if last != _seal(body + "\n"):
        raise HarnessError(f"{path.name} was changed (its hash differs); restore it from version control, or {AGAIN}")
    head, *rows = [json.loads(line) for line in body.split("\n")]
    if head.get("format") != FORMAT:
        raise HarnessError(
            f"{path.name} has the format {head.get('format')!r}, but only {FORMAT!r} can be read; {AGAIN}"
        )
    return head, rows


def _seal(text: str) -> str:
    return to_json({"sha256": hashlib.sha256(text.encode()).hexdigest()})
