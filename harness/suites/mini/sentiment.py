"""Sentiment task: is the sentence as a whole good or bad?

A third is plain, a third negated, a third outweighed ("looked ghastly but the rest seemed superb"): counting
good and bad words is right in the first third only. Training and test sentences share no evaluation adjective.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from mteb.abstasks.classification import AbsTaskClassification

from harness.mini import grammar
from harness.mini.lexicon import Lexicon, load_lexicon
from harness.mini.sentiment import SENTIMENT_TEMPLATES, say_sentiment
from harness.suites.mini import Draw
from harness.suites.mini.metadata import draw_rng, sentence_metadata

N_TRAIN, N_TEST = 600, 1500
KINDS = tuple(SENTIMENT_TEMPLATES["test"])


def judgements(lexicon: Lexicon, rng: random.Random, n: int, half: int) -> tuple[list[str], list[int]]:
    """`n` distinct judgements on people and things of held-out topics, with every other evaluation word.

    Returns (texts, labels); a label is 1 for good and 0 for bad, as many of each.
    """
    words = lexicon.sentiment["test"]
    words = replace(words, positive=words.positive[half::2], negative=words.negative[half::2])
    halved = replace(lexicon, sentiment={**lexicon.sentiment, "test": words})
    topics = lexicon.of_side("test")
    texts: dict[str, int] = {}
    while len(texts) < n:
        i = len(texts)
        topic = rng.choice(topics)
        noun = grammar.form(rng.choice((*topic.agents, *topic.things)), rng)
        text = say_sentiment(noun, i % 2 == 1, KINDS[i // 2 % len(KINDS)], "test", halved, rng)
        if grammar.is_reserved(text):
            texts.setdefault(text, i % 2)
    return list(texts), list(texts.values())


class MiniSentimentClassification(AbsTaskClassification):
    """Good or bad, where negation and concession count."""

    metadata = sentence_metadata("MiniSentimentClassification", ["Sentiment/Hate speech"])
    samples_per_label = 48
    n_experiments = 10

    def __init__(self, draw: Draw = "test", seed: int = 42, **kwargs: Any) -> None:
        self.draw = draw
        self.metadata = sentence_metadata("MiniSentimentClassification", ["Sentiment/Hate speech"], draw)
        super().__init__(seed=seed, **kwargs)

    def load_data(self, **_: Any) -> None:
        """Generate the splits `train` and `test`: columns text, label (1 good, 0 bad)."""
        from datasets import Dataset, DatasetDict

        if self.data_loaded:
            return
        rng = draw_rng(self.metadata.name, self.draw)
        splits = {}
        for half, (split, n) in enumerate((("train", N_TRAIN), ("test", N_TEST))):
            texts, labels = judgements(load_lexicon(), rng, n, half)
            splits[split] = Dataset.from_dict({"text": texts, "label": labels})
        self.dataset = {"default": DatasetDict(splits)}
        self.data_loaded = True
