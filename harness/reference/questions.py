"""What was asked, as text: for tasks whose questions come from a data set that a reader may not have.

A file holds the questions of all tasks of a folder, a line for each, by the hash that the answers name
(harness.reference.answers). It has no text of an example: names, units and gold answers are enough to rebuild scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import HarnessError
from harness.outcomes import OUTCOME_COLUMNS
from harness.reference.answers import QUESTION, asked_hash
from harness.reference.sealed import AGAIN, read_sealed, write_sealed

QUESTIONS = "questions.jsonl"


def write_questions(folder: Path, questions: Mapping[str, pd.DataFrame]) -> None:
    """Write `questions` (hash -> outcomes of any system) to `folder`."""
    rows = [{"asked": asked, **_pack(frame)} for asked, frame in sorted(questions.items())]
    write_sealed(folder / QUESTIONS, {}, rows)


def is_study(folder: Path) -> bool:
    """Whether the references in `folder` bring their own questions: no suite of the package asks them again."""
    return (folder / QUESTIONS).exists()


def read_questions(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the questions of `folder` by their hash, as outcomes without answers; none if it has no such file.

    Raises HarnessError for a file that `write_questions` did not write, and for questions that their hash is not of.
    """
    path = folder / QUESTIONS
    if not is_study(folder):
        return {}
    try:
        found = {row.pop("asked"): _unpack(row) for row in read_sealed(path)[1]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise HarnessError(f"{path.name} has a missing or unknown field ({error}); {AGAIN}") from None
    for asked, frame in found.items():
        if asked_hash(frame) != asked:
            raise HarnessError(f"{path.name} has other questions than its hash {asked} says; {AGAIN}")
    return found


def _pack(frame: pd.DataFrame) -> dict[str, Any]:
    """A list for each column; `unit` is left out where it is the example, and a column of one value is that value."""
    packed: dict[str, Any] = {"n": len(frame)}
    for name in QUESTION:
        values = [None if pd.isna(value) else value for value in frame[name].tolist()]
        if name == "unit" and values == packed["example_id"]:
            continue
        kinds = list(dict.fromkeys(values))
        if len(kinds) == 1:
            packed[name] = kinds[0]
        elif isinstance(kinds[0], str) and 2 * len(kinds) < len(values):
            place = {value: number for number, value in enumerate(kinds)}
            packed[name] = {"of": kinds, "at": [place[value] for value in values]}
        else:
            packed[name] = values
    return packed


def _unpack(packed: dict[str, Any]) -> pd.DataFrame:
    count = int(packed["n"])
    columns: dict[str, Any] = {}
    for name in QUESTION:
        held = columns["example_id"] if name == "unit" and name not in packed else packed[name]
        if isinstance(held, dict):
            held = [held["of"][place] for place in held["at"]]
        columns[name] = held if isinstance(held, list) else [held] * count
    blank = [None] * count
    return pd.DataFrame(
        {name: pd.Series(columns.get(name, blank), dtype=dtype) for name, dtype in OUTCOME_COLUMNS.items()}
    )
