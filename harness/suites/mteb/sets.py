"""Sets of labels (multi-label classification), translations among many (bitext mining), and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.metrics.f1 import write_set
from harness.outcomes import content_id, make_outcomes, row_ids
from harness.suites.mteb.kept import Kept, asked_of


def multilabel(task: Any, data: Any, saved: list[list[list[int]]], draws: Any) -> Kept:
    """The labels of each text and those predicted, a trial a draw of training examples.

    mteb evaluates at most `max_eval_samples` texts; which ones is drawn again here, by its own function.
    """
    from datasets import Dataset, DatasetDict
    from mteb.abstasks.abstask import _multilabel_subsampling
    from sklearn.preprocessing import MultiLabelBinarizer

    labels, texts = list(data[task.label_column_name]), [str(text) for text in data[task.input_column_name]]
    rows = list(range(len(texts)))
    if task.max_eval_samples is not None and len(rows) > task.max_eval_samples:
        numbered = DatasetDict(test=Dataset.from_dict({"row": rows, "labels": labels}))
        drawn = _multilabel_subsampling(
            numbered, seed=task.seed, splits=["test"], label="labels", n_samples=task.max_eval_samples
        )
        rows = list(drawn["test"]["row"])
    every = row_ids(texts)
    ids, trials = [every[row] for row in rows], len(saved)
    names = MultiLabelBinarizer().fit([labels[row] for row in rows]).classes_
    told = [write_set(str(names[place]) for place in np.flatnonzero(marks)) for draw in saved for marks in draw]
    columns: dict[str, object] = {
        "example_id": ids * trials,
        "trial": np.repeat(np.arange(trials), len(ids)),
        "gold_label": [write_set(map(str, labels[row])) for row in rows] * trials,
        "predicted_label": told,
    }
    kept = [texts[row] for row in rows]
    return Kept(outcomes=make_outcomes(columns, len(told)), texts=kept, asked=asked_of(ids, kept))


def bitext(task: Any, data: Any, saved: dict[str, list[dict[str, float]]], draws: Any) -> Kept:
    """The row of each text's translation and of the text that is taken for it."""
    ((columns, found),) = saved.items()
    first, second = (list(data[name]) for name in columns.split("-"))
    # Only the first BUCC names its pairs; its data are a dictionary.
    gold = [pair[1] for pair in data["gold"]] if isinstance(data, dict) else list(range(len(first)))
    pairs = [(str(text), str(second[row])) for text, row in zip(first, gold, strict=False)]
    ids = row_ids("\0".join(pair) for pair in pairs)
    outcomes = make_outcomes(
        {
            "example_id": ids,
            "gold_label": [str(row) for row in gold[: len(ids)]],
            "predicted_label": [str(int(each["corpus_id"])) for each in found],
        },
        len(ids),
    )
    return Kept(
        outcomes=outcomes,
        texts=[*map(str, first), *map(str, second)],
        asked=dict(zip(ids, pairs, strict=True)),
    )


def summaries(task: Any, data: Any, saved: dict[str, list[list[float]]], draws: Any) -> Kept:
    """The grade of each summary and its largest cosine with a reference; a text is a trial and a unit.

    mteb leaves out a text whose summaries all have one grade or one similarity, and saves nothing of it.
    """
    texts = [str(text) for text in data[task.text_column_name]]
    made = [list(map(str, each)) for each in data[task.machine_summaries_column_name]]
    references = [list(map(str, each)) for each in data[task.human_summaries_column_name]]
    span = task.max_score - task.min_score
    graded = [
        ((np.array(each) - task.min_score) / span).tolist() for each in data[task.relevancy_column_name]
    ]  # as mteb does it
    of_text = _matched(graded, saved["human_scores"], task.metadata.name)
    columns: dict[str, list[object]] = {name: [] for name in (
        "example_id", "unit", "trial", "gold_score", "predicted_score"
    )}  # fmt: skip
    asked: dict[str, tuple[str, ...]] = {}
    for place, number in enumerate(of_text):
        ids = row_ids(made[number], prefix=f"{number}/")
        columns["example_id"] += ids
        columns["unit"] += [f"{number}:{content_id(texts[number])}"] * len(ids)
        columns["trial"] += [number] * len(ids)
        columns["gold_score"] += graded[number]
        columns["predicted_score"] += saved["cosine_scores"][place]
        asked |= asked_of(ids, made[number])
    left_out = len(texts) - len(of_text)
    return Kept(
        outcomes=make_outcomes(dict(columns), len(columns["example_id"])),
        texts=[text for each in (*made, *references) for text in each],
        note=f"{left_out} of {len(texts)} texts left out: their summaries have one grade, or one similarity"
        if left_out
        else "",
        asked=asked,
    )


def _matched(graded: Sequence[Sequence[float]], saved: Sequence[Sequence[float]], task: str) -> list[int]:
    """The numbers of the texts that mteb kept, by their grades. Raises HarnessError where they can be read two ways."""
    candidates = [number for number, grades in enumerate(graded) if len(set(grades)) > 1]

    def take(numbers: Sequence[int], wanted: Sequence[Sequence[float]]) -> list[int]:
        left = iter(numbers)
        return [next(n for n in left if list(graded[n]) == list(grades)) for grades in wanted]

    first = take(candidates, saved)
    last = take(candidates[::-1], saved[::-1])[::-1]
    if first != last:
        raise HarnessError(
            f"{task}: all summaries of a text are equally near to its references, and it cannot be told of which text; "
            "take such texts out"
        )
    return first
