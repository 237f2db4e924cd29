"""Classification: the predicted label of each text in each draw of training examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.outcomes import make_outcomes, row_ids, shown_texts
from harness.suites.mteb.kept import Kept


def classification(task: Any, data: Any, saved: list[list[Any]], draws: Any) -> Kept:
    """Gold and predicted label of each text, a trial a draw."""
    texts = [str(text) for text in data[task.input_column_name]]
    ids, trials = row_ids(texts), len(saved)
    gold = [str(label) for label in data[task.label_column_name]]
    columns: dict[str, object] = {
        "example_id": ids * trials,
        "trial": np.repeat(np.arange(trials), len(ids)),
        "gold_label": gold * trials,
        "predicted_label": [str(label) for draw in saved for label in draw],
    }
    return Kept(outcomes=make_outcomes(columns, len(ids) * trials), texts=texts, shown=shown_texts(ids, texts))
