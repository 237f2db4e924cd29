"""Pairs of texts: graded similarity (STS), and same or not (pair classification)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from harness.outcomes import content_id, make_outcomes, row_ids
from harness.suites.mteb.kept import Kept, asked_of

# What mteb saves for a pair, and whether more of it means more alike.
SIMILARITIES = {
    "similarity_scores": 1.0,
    "cosine_scores": 1.0,
    "manhattan_distances": -1.0,
    "euclidean_distances": -1.0,
    "dot_scores": 1.0,
}


def sts(task: Any, data: Any, saved: dict[str, list[float]], draws: Any) -> Kept:
    """Gold similarity and cosine of each pair."""
    first, second = (data[name] for name in task.column_names)
    ids = _ids(first, second)
    gold, predicted = np.asarray(data["score"], float), np.asarray(saved["cosine_scores"], float)
    return Kept(
        outcomes=make_outcomes({"example_id": ids, "gold_score": gold, "predicted_score": predicted}, len(ids)),
        texts=[*map(str, first), *map(str, second)],
        asked=asked_of(ids, first, second),
    )


def pair_classification(task: Any, data: Any, saved: dict[str, list[float]], draws: Any) -> Kept:
    """1 or 0 and the similarity of each pair, by the measure that separates them best: mteb's `max_ap`.

    mteb takes the largest of five average precisions, so the rows hold the measure that has it (distances with their
    sign turned). Pairs that share the first text are one unit: in these data sets one text is often paired with many.
    """
    from sklearn.metrics import average_precision_score

    rows = data[0] if len(data) == 1 else data  # data sets from before mteb 2 hold everything in one row
    first, second = list(rows[task.input1_column_name]), list(rows[task.input2_column_name])
    gold = np.asarray(rows[task.label_column_name], dtype=np.int64)
    columns = {name: sign * np.asarray(saved[name], float) for name, sign in SIMILARITIES.items()}
    best = max(columns, key=lambda name: float(average_precision_score(gold, columns[name])))
    outcomes = make_outcomes(
        {
            "example_id": _ids(first, second),
            "unit": [content_id(text) for text in first],
            "gold_score": gold.astype(float),
            "predicted_score": columns[best],
        },
        len(gold),
    )
    return Kept(
        outcomes=outcomes,
        texts=[*map(str, first), *map(str, second)],
        note=f"by {best.replace('_', ' ')}",
        asked=asked_of(outcomes["example_id"], first, second),
    )


def _ids(first: Iterable[object], second: Iterable[object]) -> list[str]:
    return row_ids(f"{a}\0{b}" for a, b in zip(first, second, strict=True))
