"""A system's answers to a task as one line of text (harness.metrics.answers), with a hash of what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.metrics.answers import pack_answers, unpack_answers
from harness.outcomes import check_outcomes

QUESTION = ["example_id", "unit", "trial", "position", "gold_label", "gold_score"]


@dataclass(frozen=True, kw_only=True)
class PackedAnswers:
    """The answers of one result. `asked` is the hash of the questions they answer, `layer` where they were read."""

    asked: str
    layer: int | None
    labels: Mapping[str, str]  # letter -> label
    text: str


def asked_hash(outcomes: pd.DataFrame) -> str:
    """Return 16 hex digits of what was asked: examples, units, trials, positions and gold answers, in order."""
    text = outcomes[QUESTION].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pack(outcomes: pd.DataFrame, *, metric: str) -> PackedAnswers:
    """Return the answers in `outcomes` (columns of harness.outcomes).

    Raises HarnessError for answers from several layers and for more labels than there are letters.
    """
    layers = outcomes["layer"].drop_duplicates().tolist()
    if len(layers) != 1:
        raise HarnessError(f"golden results have the answers of one layer, not of {len(layers)}; name other tasks")
    layer = None if pd.isna(layers[0]) else int(layers[0])
    labels, text = pack_answers(outcomes, kind=get_metric(metric).answers)
    return PackedAnswers(asked=asked_hash(outcomes), layer=layer, labels=labels, text=text)


def unpack(answers: PackedAnswers, questions: pd.DataFrame, *, metric: str) -> pd.DataFrame:
    """Return the outcomes: `questions` (outcomes of any system on the same examples) with these answers.

    Raises HarnessError if the questions are not those that were answered, or the line does not fit them.
    """
    if asked_hash(questions) != answers.asked:
        raise HarnessError("the examples differ from those of the golden results")
    rows = questions.assign(layer=pd.array([answers.layer] * len(questions), dtype="Int32"))
    return check_outcomes(unpack_answers(answers.text, answers.labels, rows, kind=get_metric(metric).answers))
