"""A task of the words suite on its data, ready to run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.metrics import get_metric
from harness.outcomes import TaskResult, shown_texts
from harness.suites.task import TaskInfo
from harness.suites.words import Kind, WordEntry, task_revision
from harness.suites.words.data.examples import WordExample
from harness.suites.words.data.folder import WordData
from harness.suites.words.data.parse import parse
from harness.suites.words.geometry import measure_geometry
from harness.suites.words.labels import Part, measure_labels
from harness.suites.words.official import measure_official
from harness.suites.words.repetition import measure_repetition
from harness.suites.words.results import BESIDE, SCORE, SPLIT, result
from harness.suites.words.scores import measure_norms, measure_similarity

_MEASURE: dict[Kind, Callable[[WordEntry, Sequence[WordExample], TextEncoder], tuple[list[Part], str]]] = {
    "context": measure_labels,
    "aspect": measure_labels,
    "wic": measure_labels,
    "norms": measure_norms,
    "similarity": measure_similarity,
    "geometry": measure_geometry,
    "repetition": measure_repetition,
}


@dataclass(frozen=True)
class WordTask:
    """One task of the suite and the folder its data are in."""

    entry: WordEntry
    data: WordData

    @property
    def info(self) -> TaskInfo:
        """The task as a run plans it."""
        return word_task_info(self.entry)

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure; the score first, its controls after it. The score's note says what was odd or left out."""
        began = time.monotonic()
        words = parse(self.data, self.entry.data)
        measure = measure_official if self.entry.features == "official" else _MEASURE[self.entry.kind]
        parts, lost = measure(self.entry, words.examples, encoder)
        key = {"task": self.entry.name, "split": SPLIT, "revision": task_revision(self.entry)}
        # A control may be undefined where the score is not: first tokens that are all the same have one cosine.
        left_out = [
            p for p in parts if p.subset in BESIDE and get_metric(p.metric).undefined_if_constant and p.answers.constant
        ]
        parts = [part for part in parts if part not in left_out]
        undefined = (
            f"undefined, all predictions being equal: {', '.join(p.subset for p in left_out)}" if left_out else ""
        )
        seconds = time.monotonic() - began
        texts = text_hashes(text for example in words.examples for text in example.texts)
        return [
            result(
                key,
                task_type=self.entry.task_type,
                subset=part.subset,
                metric=part.metric,
                answers=part.answers,
                seconds=seconds if number == 0 else 0.0,
                texts=texts,
                note="; ".join(filter(None, (lost, undefined, words.note))),
                shown=_shown(words.examples) if part.subset == SCORE else None,
            )
            for number, part in enumerate(parts)
        ]


def _shown(examples: Iterable[WordExample]) -> dict[str, str]:
    """What readers see: the texts, with the word in brackets."""
    marked = {
        e.example_id: " ⟷ ".join(f"{t[:a]}[{t[a:b]}]{t[b:]}" for t, (a, b) in zip(e.texts, e.spans, strict=True))
        for e in examples
    }
    return shown_texts(marked, marked.values())


def word_task_info(entry: WordEntry) -> TaskInfo:
    """Name, type, metric, revision and a line about the task; no data are read."""
    return TaskInfo(
        name=entry.name,
        task_type=entry.task_type,
        metric=entry.metric,
        revision=task_revision(entry),
        about=entry.about,
    )
