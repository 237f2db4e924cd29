"""Columns of a task's data as lists, read once: mteb asks a column for single labels, tens of thousands of times.

`datasets` answers each such question from Arrow (some 0.1 ms); ten draws of a classification task's training examples
took ten times as long as its ten classifiers (docs/decisions.md).
"""

from __future__ import annotations

import copy
from typing import Any

from datasets import Dataset


class ReadOnce(Dataset):
    """A `datasets.Dataset` whose columns, asked for by name, are lists that are kept."""

    _kept: dict[tuple[str, str], list[Any]]

    @classmethod
    def of(cls, data: Dataset) -> ReadOnce:
        """The same data."""
        same = copy.copy(data)
        same.__class__ = cls
        assert isinstance(same, cls)
        same._kept = {}
        return same

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        # Whatever changes a data set changes its fingerprint.
        place = self._fingerprint, key
        if place not in self._kept:
            self._kept[place] = list(super().__getitem__(key)[:])
        return self._kept[place]


def read_once(data: Any, *, depth: int = 2) -> Any:
    """What a task of mteb's holds as its `dataset`: its splits, or its subsets' splits, read once.

    What lies deeper (the corpus of a retrieval task) stays as it is.
    """
    if isinstance(data, Dataset):
        return ReadOnce.of(data)
    if depth and isinstance(data, dict):
        return type(data)({name: read_once(part, depth=depth - 1) for name, part in data.items()})
    return data
