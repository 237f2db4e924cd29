"""F1: of classes, their plain mean (macro) or their mean by frequency (weighted); of sets of labels, macro; of spans.

Macro means and the F1 of spans are no means over examples, and nothing of them is tested. Weighted F1 is a mean over
examples of the F1 of their class, which the answers to other examples move too: it is split by influence
(harness.stats.influence).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.accuracy import estimate_mean
from harness.metrics.answers import Aligned
from harness.metrics.metric import Asked, Found, Metric

if TYPE_CHECKING:
    from harness.stats.contributions import Contributions

Average = Literal["macro", "weighted"]
SetScore = Callable[[Sequence[str], Sequence[str]], float]


def write_set(labels: Iterable[str]) -> str:
    """A set of labels as one answer, and the same set always the same.

    >>> write_set(["joy", "anger"]), write_set([])
    ('["anger", "joy"]', '[]')
    """
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def read_set(answer: str) -> list[str]:
    """The labels of an answer that `write_set` wrote."""
    return [str(label) for label in json.loads(answer)]


def _of_spans(gold: Sequence[str], said: Sequence[str]) -> float:
    """F1 of whole spans over all sentences: an answer is the set of a sentence's spans. NaN without any span."""
    pairs = [(set(read_set(one)), set(read_set(other))) for one, other in zip(gold, said, strict=True)]
    either = sum(len(one) + len(other) for one, other in pairs)
    return 2 * sum(len(one & other) for one, other in pairs) / either if either else math.nan


def _f1(gold: NDArray[np.generic], said: NDArray[np.generic], *, average: Average) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(gold, said, average=average, zero_division=0.0))


def _of(rows: pd.DataFrame, *, average: Average) -> float:
    gold, said = (rows[name].to_numpy(dtype=object) for name in ("gold_label", "predicted_label"))
    return _f1(gold, said, average=average)


def _of_sets(gold: Sequence[str], said: Sequence[str]) -> float:
    """Macro F1 over the labels that the gold sets have, as in mteb."""
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    truth, told = ([read_set(answer) for answer in answers] for answers in (gold, said))
    known = sorted({label for labels in truth for label in labels})
    table: Any = MultiLabelBinarizer(classes=known)
    truth_NL = table.fit_transform(truth)
    told_NL = table.transform([[label for label in labels if label in set(known)] for labels in told])
    return float(f1_score(truth_NL, told_NL, average="macro", zero_division=0.0))


def _of_answers(rows: pd.DataFrame, *, score: SetScore) -> float:
    return score(rows["gold_label"].tolist(), rows["predicted_label"].tolist())


def _describe(asked: Asked) -> list[Found]:
    """Describe each column's mean over trials; a code that the gold never has counts as a class, as in mteb."""
    return _described(asked, lambda gold, said: _f1(gold, said, average="macro"))


def _describe_sets(asked: Asked, *, score: SetScore) -> list[Found]:
    names = np.asarray(asked.data.names, dtype=object)
    return _described(asked, lambda gold, said: score(names[gold].tolist(), names[said].tolist()))


def _described(asked: Asked, score: Any) -> list[Found]:
    data = asked.data
    trials = [data.trial == t for t in range(data.n_trials)]
    score_k = np.array([np.mean([score(data.gold[rows], said[rows]) for rows in trials]) for said in data.answer_nk.T])
    return [Found(value=float(value)) for value in asked.weights @ score_k]


def _split(data: Aligned) -> Contributions:
    from harness.stats.contributions import mean_contributions
    from harness.stats.influence import weighted_f1_parts

    part_nk = np.empty(data.answer_nk.shape)
    for trial in range(data.n_trials):
        rows = data.trial == trial
        part_nk[rows] = weighted_f1_parts(data.gold[rows], data.answer_nk[rows])
    return mean_contributions(part_nk, units=data.unit, weights=data.weight)


METRICS = (
    Metric(name="macro_f1", answers="label", of=partial(_of, average="macro"), estimate=_describe),
    *(
        Metric(
            name=name,
            answers="label",
            of=partial(_of_answers, score=score),
            estimate=partial(_describe_sets, score=score),
        )
        for name, score in (("multilabel_f1", _of_sets), ("span_f1", _of_spans))
    ),
    Metric(
        name="weighted_f1", answers="label", of=partial(_of, average="weighted"), split=_split, estimate=estimate_mean
    ),
)
