"""A fresh clone can look at the tracked reference results: a database, and a site of it, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def harness(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "harness", *arguments], check=True)


@pytest.mark.slow
def test_the_reference_results_can_be_browsed() -> None:
    harness("regress", "--rebuild", "reference.duckdb")
    for out in ("first", "second"):
        harness("site", "--db", "reference.duckdb", "--out", out)
    first, second = (
        {path.relative_to(out): path.read_bytes() for path in Path(out).rglob("*") if path.is_file()}
        for out in ("first", "second")
    )
    assert first == second
    assert Path("index.html") in first
    assert b"bidir-supcon is better than causal: +" in first[Path("index.html")]
