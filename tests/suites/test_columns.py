"""Columns read once: the same data to the last cell, whatever is done to it, and read from Arrow one time."""

from __future__ import annotations

from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from harness.suites.mteb.columns import ReadOnce, read_once

ROWS = {"text": [f"text {row}" for row in range(12)], "label": [row % 3 for row in range(12)]}


def plain() -> Dataset:
    return Dataset.from_dict(ROWS)


def test_a_column_is_read_once_and_is_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = Dataset.__getitem__

    def counted(self: Dataset, key: Any) -> Any:
        asked.append(key)
        return real(self, key)

    data = ReadOnce.of(plain()).select_columns(["label"])
    monkeypatch.setattr(Dataset, "__getitem__", counted)
    assert [data["label"][row] for row in range(12)] == ROWS["label"]
    assert data["label"] == ROWS["label"]
    assert asked.count("label") == 1


def test_a_data_set_that_was_changed_answers_anew() -> None:
    data = ReadOnce.of(plain())
    assert data["label"] == ROWS["label"]
    ways = {
        "select": lambda given: given.select([5, 3, 4]),
        "shuffle": lambda given: given.shuffle(seed=3),
        "sort": lambda given: given.sort("label"),
        "rename": lambda given: given.rename_columns({"label": "text", "text": "label"}),
        "map": lambda given: given.map(lambda row: {"label": row["label"] + 1}),
        "filter": lambda given: given.filter(lambda row: row["label"] == 2),
        "cast": lambda given: given.class_encode_column("text").rename_column("label", "old"),
        "twice": lambda given: given.select(range(1, 9)).select([2, 1]),
    }
    for name, way in ways.items():
        wanted, found = way(plain()), way(data)
        for column in wanted.column_names:
            assert list(found[column]) == list(wanted[column]), (name, column)
        assert found[:] == wanted[:], name
    assert data["label"] == ROWS["label"]


def test_splits_and_subsets_splits_are_read_once_and_a_corpus_is_left_alone() -> None:
    corpus = plain()
    held = read_once(DatasetDict(test=plain()))
    assert isinstance(held, DatasetDict)
    assert isinstance(held["test"], ReadOnce)
    nested = read_once({"en": DatasetDict(test=plain()), "de": {"test": {"corpus": corpus}}})
    assert isinstance(nested["en"]["test"], ReadOnce)
    assert nested["de"]["test"]["corpus"] is corpus
