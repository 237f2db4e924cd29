"""Tags of the words of sentences: probes as for other labels (harness.suites.words.labels), units are sentences.

Where the tags mark spans (B-PER, I-PER, O), the subset `spans` has the F1 of whole spans that the same probe marks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.encoder.protocol import TextEncoder
from harness.metrics.f1 import write_set
from harness.suites.words.data.bio import marks_spans, spans_of
from harness.suites.words.data.examples import WordExample
from harness.suites.words.labels import measure_labels
from harness.suites.words.probe import WordProbe
from harness.suites.words.results import SCORE, SubsetOutcomes


def measure_sequences(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The score and its controls, and what could not be read."""
    parts, note = measure_labels(task, examples, encoder)
    if marks_spans(example.label for example in examples):
        parts += _spans(next(part for part in parts if part.subset == SCORE), examples)
    return parts, note


def _spans(score: SubsetOutcomes, examples: Sequence[WordExample]) -> list[SubsetOutcomes]:
    """The spans of the sentences that were read whole, each called as its first word is; nothing if they have none."""
    frame = score.frame()
    rows = frame.set_index(["trial", "example_id"])[["gold_label", "predicted_label"]]
    read = set(frame["example_id"])
    sentences: dict[str, list[WordExample]] = {}
    for example in examples:
        sentences.setdefault(example.unit, []).append(example)
    whole = [words for words in sentences.values() if read.issuperset(word.example_id for word in words)]
    if not any(word.label != "O" for words in whole for word in words):
        return []
    made = SubsetOutcomes("spans", "span_f1", [words[0] for words in whole])
    for trial in frame["trial"].unique():
        gold, told = (
            np.array([write_set(spans_of(tags[[word.example_id for word in words]].tolist())) for words in whole])
            for _, tags in rows.loc[trial].items()
        )
        made.add(layer=int(frame["layer"].iloc[0]), trial=int(trial), gold_label=gold, predicted_label=told)
    return [made]
