"""What measures each type of task of the words suite, and the results it comes to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.metrics import get_metric
from harness.outcomes import TaskResult, shown_texts
from harness.suites.words.data.examples import WordExample
from harness.suites.words.geometry import measure_geometry
from harness.suites.words.labels import measure_labels
from harness.suites.words.official import measure_official
from harness.suites.words.probe import WordProbe
from harness.suites.words.results import CONTROLS, SCORE, SPLIT, SubsetOutcomes, result
from harness.suites.words.scores import measure_norms, measure_similarity
from harness.suites.words.sequences import measure_sequences

_Measure = Callable[[WordProbe, Sequence[WordExample], TextEncoder], tuple[list[SubsetOutcomes], str]]
_MEASURE: dict[str, _Measure] = {
    "ContextProbe": measure_labels,
    "LexicalAspect": measure_labels,
    "WiC": measure_labels,
    "SequenceLabels": measure_sequences,
    "WordNorms": measure_norms,
    "WordSimilarity": measure_similarity,
    "Geometry": measure_geometry,
}


def measure(task: WordProbe, encoder: TextEncoder) -> list[TaskResult]:
    """The score first, its controls after it. The score's note says what was odd or left out."""
    began = time.monotonic()
    words = task.data.words(task.place)
    answer = measure_official if task.features == "official" else _MEASURE[task.task_type]
    parts, lost = answer(task, words.examples, encoder)
    # A control may be undefined where the score is not: first tokens that are all the same have one cosine.
    left_out = [p for p in parts if p.subset in CONTROLS and get_metric(p.metric).undefined_if_constant and p.constant]
    parts = [part for part in parts if part not in left_out]
    undefined = f"undefined, all predictions being equal: {', '.join(p.subset for p in left_out)}" if left_out else ""
    seconds = time.monotonic() - began
    texts = text_hashes(text for example in words.examples for text in example.texts)
    return [
        result(
            task,
            SPLIT,
            part,
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
