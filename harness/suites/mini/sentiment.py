"""Sentiment task: is the sentence as a whole good or bad?

A third is plain, a third negated, a third outweighed ("looked ghastly but the rest seemed superb"): counting
good and bad words is right in the first third only. Training and test sentences share no evaluation adjective.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

from harness.mini import grammar
from harness.mini.lexicon import Lexicon
from harness.mini.sentiment import SENTIMENT_TEMPLATES, say_sentiment
from harness.suites.mini.generated import GeneratedClassification, labelled

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


# Good or bad, where negation and concession count.
MiniSentimentClassification = partial(
    GeneratedClassification,
    "MiniSentimentClassification",
    "Sentiment/Hate speech",
    partial(labelled, judgements),
    samples_per_label=48,
)
