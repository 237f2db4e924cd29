"""What the functions of this room take, in the one form that the rest of the code knows."""

from __future__ import annotations

from collections.abc import Sequence


def as_names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """One name is as good as a list of one."""
    return names if names is None else (names,) if isinstance(names, str) else tuple(names)
