"""`harness compare`, and the last block of `harness run`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    pass


def report(*a, **k): ...
