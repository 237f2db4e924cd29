"""Names of examples: stable while the data is, and different when a text changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def content_id(text: object) -> str:
    """The first 12 hex digits of the SHA-256 of a text.

    >>> content_id("a cat")
    '51e467415607'
    """
    return hashlib.sha256(str(text).encode()).hexdigest()[:12]


def row_ids(texts: Iterable[object], *, prefix: str = "") -> list[str]:
    """Row number and content hash of each text: `3:1f0c…`; `prefix` stands before the number."""
    return [f"{prefix}{row}:{content_id(text)}" for row, text in enumerate(texts)]


def pair_ids(first: Iterable[object], second: Iterable[object]) -> list[str]:
    """Row number and content hash of each pair of texts."""
    return row_ids(f"{a}\0{b}" for a, b in zip(first, second, strict=True))
