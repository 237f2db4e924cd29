"""Pairs of the mini language whose topic is known, so that a passage can be on another one."""

from __future__ import annotations

import random
from functools import partial

from harness.mini.lexicon import Lexicon
from harness.suites.distractor import TEXTS
from harness.suites.mini.generated import GeneratedSTS, Splits
from harness.suites.mini.pairs import MAX_SCORE, graded_pairs

TOPIC = "topic"  # a column that mteb does not read


def _write(of_text: int, lexicon: Lexicon, rng: random.Random) -> Splits:
    """Pairs of texts of `of_text` sentences on one topic; their similarity is the mean over the sentences."""
    topics = lexicon.of_side("test")
    columns: dict[str, list[object]] = {"sentence1": [], "sentence2": [], "score": [], TOPIC: []}
    streams = [graded_pairs(lexicon, rng, about=topic) for topic in topics]
    for number in range(2 * TEXTS):
        place = number % len(topics)
        made = [next(streams[place]) for _ in range(of_text)]
        columns["sentence1"].append(" ".join(first for first, _, _ in made))
        columns["sentence2"].append(" ".join(second for _, second, _ in made))
        columns["score"].append(sum(score for _, _, score in made) / of_text)
        columns[TOPIC].append(topics[place].name)
    return {"test": columns}


_pairs = partial(GeneratedSTS, "MiniSTS", "Textual Entailment", min_score=0, max_score=int(MAX_SCORE))
sentence_pairs = partial(_pairs, partial(_write, 1))
text_pairs = partial(_pairs, partial(_write, 3))
