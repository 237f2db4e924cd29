"""What an answer is: a label that is right or wrong, the name of a cluster, or a score.

It decides how the answers of several systems become columns of numbers, and how they are kept as one line of
text in the golden results. Labels: a character an outcome, `.` for the right label and a letter of the line's own list
for any other; as many characters as the list needs where it is longer than the alphabet. Clusters: a letter an outcome.
Scores: little-endian float32 in base64, which keeps a score to 1e-6.
"""

from __future__ import annotations

import base64
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import HarnessError

AnswerKind = Literal["label", "cluster", "score"]
RIGHT = "."
_LETTERS = string.ascii_letters + string.digits + "+/"


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """n outcomes of k systems that were asked the same.

    `answer_nk` holds predicted scores, or, for labels, a code equal to `gold` where the label is right.
    `weight` (n,) makes sum(weight × correct) the stored accuracy: trials, and cells of layer and position
    within a trial, count the same whatever their size (harness.metrics).
    """

    column: Mapping[int, int]  # number of a result -> its column
    gold: NDArray[Any]
    answer_nk: NDArray[Any]
    unit: NDArray[np.intp]
    trial: NDArray[np.intp]
    weight: NDArray[np.float64]
    n_examples: int
    n_units: int
    n_trials: int
    names: tuple[str, ...] = ()  # of labels: what each code stands for

    @property
    def correct_nk(self) -> NDArray[np.float64]:
        """Whether each predicted label is right, as 0 and 1."""
        return (self.answer_nk == self.gold[:, None]).astype(np.float64)


def code_answers(
    asked: pd.DataFrame, results: Sequence[pd.DataFrame], *, kind: AnswerKind
) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]:
    """Return gold (n,) and answers (n, k) of k results as numbers: scores as they are, labels and clusters as codes.

    And what the codes of labels stand for.

    A label has the code of the same gold label, or one of its own that is the same in all results. Clusters have names
    that mean nothing outside their result, so the names that the gold never has are numbered in each result anew.
    """
    if kind == "score":
        scores = [rows["predicted_score"].to_numpy(dtype=np.float64) for rows in results]
        return asked["gold_score"].to_numpy(dtype=np.float64), np.stack(scores, axis=1), ()
    gold, labels = pd.factorize(asked["gold_label"])
    of_gold = known = pd.Index(labels)
    answers = []
    for rows in results:
        code, names = pd.factorize(rows["predicted_label"])
        if kind == "label":
            known = known.append(pd.Index(names).difference(known, sort=False))
            answers.append(known.get_indexer(pd.Index(names))[code])
        else:
            place = of_gold.get_indexer(pd.Index(names))
            answers.append(np.where(place >= 0, place, np.arange(len(names)) + len(of_gold))[code])
    return np.asarray(gold), np.stack(answers, axis=1), tuple(map(str, known))


def pack_answers(outcomes: pd.DataFrame, *, kind: AnswerKind) -> tuple[dict[str, str], str]:
    """Return the answers in `outcomes` as letters -> label (none for scores) and one line of text."""
    if kind == "score":
        scores = outcomes["predicted_score"].to_numpy(dtype="<f4")
        return {}, base64.b64encode(scores.tobytes()).decode()
    said = outcomes["predicted_label"].astype(str)
    right = said.eq(outcomes["gold_label"]) if kind == "label" else pd.Series(False, index=said.index)
    labels = sorted(set(said[~right]))
    width = next(width for width in count(1) if len(_LETTERS) ** width >= len(labels))
    letters = dict(zip(labels, map("".join, product(_LETTERS, repeat=width)), strict=False))
    text = "".join(RIGHT * width if ok else letters[label] for label, ok in zip(said, right, strict=True))
    return {letters[label]: label for label in labels}, text


def unpack_answers(text: str, labels: Mapping[str, str], questions: pd.DataFrame, *, kind: AnswerKind) -> pd.DataFrame:
    """Return `questions` with the answers that `pack_answers` wrote; raise HarnessError where they do not fit."""
    if kind == "score":
        scores = _scores(text, len(questions))
        return questions.assign(predicted_score=pd.array(scores, dtype="Float64"))
    width = len(next(iter(labels), RIGHT))
    answers = [text[place : place + width] for place in range(0, len(text), width)]
    if len(answers) != len(questions) or not set(answers) <= {RIGHT * width, *labels}:
        raise HarnessError(f"{len(answers)} golden answers do not fit {len(questions)} questions")
    said = [
        gold if answer == RIGHT * width else labels[answer]
        for answer, gold in zip(answers, questions["gold_label"], strict=True)
    ]
    return questions.assign(predicted_label=pd.array(said, dtype="string"))


def _scores(text: str, n: int) -> NDArray[np.float64]:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise HarnessError(
            "the golden scores are not base64; make the file again with `harness regress --update`"
        ) from None
    if len(raw) != 4 * n:
        raise HarnessError(f"{len(raw) // 4} golden scores do not fit {n} questions")
    return np.frombuffer(raw, dtype="<f4").astype(np.float64)
