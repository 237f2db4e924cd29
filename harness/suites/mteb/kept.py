"""What is kept of an evaluated split and subset, and names of examples: stable while the data is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`outcomes` as harness.outcomes wants them; `texts` are those that were evaluated (a classifier's own training
    texts are not among them); `note` is said on screen beside the score; `shown` is what an example asked, by id.
    """

    outcomes: pd.DataFrame
    texts: list[str]
    note: str = ""
    shown: dict[str, str] | None = None


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
