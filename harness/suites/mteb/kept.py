"""What is kept of an evaluated split and subset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

AskedTexts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`outcomes` as harness.outcomes wants them; `texts` are those that were evaluated (a classifier's own training
    texts are not among them); `note` is said on screen beside the score; `asked` are the texts of an example, by id:
    what readers see of it.
    """

    outcomes: pd.DataFrame
    texts: list[str]
    note: str = ""
    asked: AskedTexts = field(default_factory=dict)


def asked_of(ids: Iterable[str], *columns: Iterable[object]) -> AskedTexts:
    """The texts of each example, one of each column.

    >>> asked_of(["0:a"], ["a cat"], ["a dog"])
    {'0:a': ('a cat', 'a dog')}
    """
    return {name: tuple(map(str, texts)) for name, texts in zip(ids, zip(*columns, strict=True), strict=True)}
