"""Labels: the class of each text in each draw of training examples, and clusters.

Clustering: the cluster of each document in each draw, or in each of a data set's own sets of documents. mteb saves the
clusters and not which documents a draw took. The draws are replayed from a copy of the task's random state; were one
replayed wrongly, the rows would not give mteb's score.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from harness.outcomes import make_outcomes, row_ids
from harness.suites.mteb.kept import AskedTexts, Kept, asked_of

Trial = tuple[list[str], list[str], list[int]]  # ids, gold labels and clusters of its documents


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
    return Kept(outcomes=make_outcomes(columns, len(ids) * trials), texts=texts, asked=asked_of(ids, texts))


def clustering(task: Any, data: Any, saved: dict[str, list[list[int]]], draws: Any) -> Kept:
    """Replay the draws: which documents were embedded, then which of them each trial clustered (with replacement)."""
    random = Random()
    random.setstate(draws)
    embedded = _embedded(task, len(data), random)
    texts = [str(text) for text in data[task.input_column_name]]
    ids = row_ids(texts)
    labels = [label if isinstance(label, list) else [label] for label in data[task.label_column_name]]
    trials: list[Trial] = []
    for level, assignments in enumerate(saved.values()):
        # As mteb does it: beside string labels its mark for "no label here", -1, turns into a label of its own.
        here = np.array([labels[index][level] if len(labels[index]) > level else -1 for index in embedded])
        known = [place for place, label in enumerate(here) if label != -1]
        for assignment in assignments:
            drawn = [known[at] for at in random.choices(range(len(known)), k=len(assignment))]
            trials.append(
                ([ids[embedded[place]] for place in drawn], [str(here[place]) for place in drawn], assignment)
            )
    return _kept(trials, texts, asked_of(ids, texts))


def clustering_of_sets(task: Any, data: Any, saved: list[list[int]], draws: Any) -> Kept:
    """The classic form: the data set holds sets of documents, each is clustered whole and is a trial.

    A set with one label is not clustered, and by definition scores 1: its documents lie in one cluster.
    """
    trials: list[Trial] = []
    every: list[str] = []
    asked: dict[str, tuple[str, ...]] = {}
    clustered = iter(saved)
    for number, (texts, labels) in enumerate(
        zip(data[task.input_column_name], data[task.label_column_name], strict=True)
    ):
        assignment = next(clustered) if len(set(labels)) > 1 else [0] * len(labels)
        ids = row_ids(texts, prefix=f"{number}/")
        trials.append((ids, [str(label) for label in labels], assignment))
        every += [str(text) for text in texts]
        asked |= asked_of(ids, texts)
    return _kept(trials, every, asked)


def _embedded(task: Any, n: int, random: Random) -> list[int]:
    fraction, most = task.max_fraction_of_documents_to_embed, task.max_document_to_embed
    if fraction is None and most is None:
        return list(range(n))
    k = int(fraction * n) if fraction is not None else int(most)
    return random.sample(range(n), k=min(n, k))


def _kept(trials: Sequence[Trial], texts: list[str], asked: AskedTexts) -> Kept:
    columns: dict[str, object] = {
        "example_id": [each for ids, _, _ in trials for each in ids],
        "trial": [trial for trial, (ids, _, _) in enumerate(trials) for _ in ids],
        "gold_label": [label for _, gold, _ in trials for label in gold],
        "predicted_label": [str(cluster) for _, _, clusters in trials for cluster in clusters],
    }
    outcomes = make_outcomes(columns, sum(len(ids) for ids, _, _ in trials))
    return Kept(outcomes=outcomes, texts=texts, asked=asked)
