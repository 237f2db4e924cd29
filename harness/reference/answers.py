"""A system's answers to a task as one line of text, and back.

Right and wrong: a character an outcome, `.` for the right label and a letter of the line's own list for any other.
Clusters: a letter an outcome. Scores: little-endian float32 in base64, which keeps a score to 1e-6.
"""

from __future__ import annotations

import base64
import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.outcomes import check_outcomes

RIGHT = "."
_LABELLED = ("accuracy", "v_measure")
_LETTERS = string.ascii_letters + string.digits + "+/"
_QUESTION = ["example_id", "unit", "trial", "position", "gold_label", "gold_score"]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of one result. `asked` is the hash of the questions they answer, `layer` where they were read."""

    asked: str
    layer: int | None
    labels: Mapping[str, str]  # letter -> label
    text: str


def asked_hash(outcomes: pd.DataFrame) -> str:
    """Return 16 hex digits of what was asked: examples, units, trials, positions and gold answers, in order."""
    text = outcomes[_QUESTION].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pack(outcomes: pd.DataFrame, *, metric: str) -> Answers:
    """Return the answers in `outcomes` (columns of harness.outcomes).

    Raises HarnessError for answers from several layers and for more labels than there are letters.
    """
    layers = outcomes["layer"].drop_duplicates().tolist()
    if len(layers) != 1:
        raise HarnessError(f"a reference keeps the answers of one layer, not of {len(layers)}; name other tasks")
    layer = None if pd.isna(layers[0]) else int(layers[0])
    asked = asked_hash(outcomes)
    if get_metric(metric).kind not in _LABELLED:
        scores = outcomes["predicted_score"].to_numpy(dtype="<f4")
        return Answers(asked=asked, layer=layer, labels={}, text=base64.b64encode(scores.tobytes()).decode())
    said = outcomes["predicted_label"].astype(str)
    right = said.eq(outcomes["gold_label"]) if metric == "accuracy" else pd.Series(False, index=said.index)
    labels = sorted(set(said[~right]))
    if len(labels) > len(_LETTERS):
        raise HarnessError(f"a reference keeps up to {len(_LETTERS)} labels a task, not {len(labels)}")
    letter = dict(zip(labels, _LETTERS, strict=False))
    text = "".join(RIGHT if ok else letter[label] for label, ok in zip(said, right, strict=True))
    return Answers(asked=asked, layer=layer, labels={letter[label]: label for label in labels}, text=text)


def unpack(answers: Answers, questions: pd.DataFrame, *, metric: str) -> pd.DataFrame:
    """Return the outcomes: `questions` (outcomes of any system on the same examples) with these answers.

    Raises HarnessError if the questions are not those that were answered, or the line does not fit them.
    """
    if asked_hash(questions) != answers.asked:
        raise HarnessError("the examples are not those of the reference")
    rows = questions.copy()
    rows["layer"] = pd.array([answers.layer] * len(rows), dtype="Int32")
    if get_metric(metric).kind not in _LABELLED:
        rows["predicted_score"] = pd.array(_scores(answers.text, len(rows)), dtype="Float64")
        return check_outcomes(rows)
    if len(answers.text) != len(rows) or not set(answers.text) <= {RIGHT, *answers.labels}:
        raise HarnessError(f"{len(answers.text)} answers of the reference do not fit {len(rows)} questions")
    gold = rows["gold_label"]
    said = [
        truth if letter == RIGHT else answers.labels[letter] for letter, truth in zip(answers.text, gold, strict=True)
    ]
    rows["predicted_label"] = pd.array(said, dtype="string")
    return check_outcomes(rows)


def _scores(text: str, n: int) -> np.ndarray:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise HarnessError("the scores of the reference are not base64") from None
    if len(raw) != 4 * n:
        raise HarnessError(f"{len(raw) // 4} scores of the reference do not fit {n} questions")
    return np.frombuffer(raw, dtype="<f4").astype(np.float64)
