"""Topic tasks: classification from one topical word, clustering from event sentences.

The classifier is trained on one form of each concept and tested on its synonyms, so no topical word stands on both
sides and a bag of words is at chance.
"""

from __future__ import annotations

import random
from typing import Any

from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering

from harness.mini import grammar
from harness.mini.frames import SLOT, neutral_frame
from harness.mini.lexicon import Lexicon, load_lexicon
from harness.suites.mini import Draw
from harness.suites.mini.metadata import draw_rng, sentence_metadata

N_TRAIN, N_TEST, N_CLUSTERED = 480, 1500, 1200


def topic_mentions(lexicon: Lexicon, rng: random.Random, n: int, synonym: int) -> tuple[list[str], list[str]]:
    """`n` neutral sentences around form number `synonym` of a person or thing; topics in turn. (texts, labels)"""
    topics = lexicon.of_side("test")
    texts, labels = [], []
    for i in range(n):
        topic = topics[i % len(topics)]
        noun = rng.choice((*topic.agents, *topic.things)).forms[synonym]
        texts.append(grammar.fill(neutral_frame(lexicon.neutral, rng, reserved=True).replace(SLOT, noun)))
        labels.append(topic.name)
    return texts, labels


def topic_events(lexicon: Lexicon, rng: random.Random, n: int) -> tuple[list[str], list[str]]:
    """`n` event sentences in held-out templates; topics in turn. (texts, labels)"""
    topics = lexicon.of_side("test")
    texts: dict[str, str] = {}
    while len(texts) < n:
        topic = topics[len(texts) % len(topics)]
        wording = grammar.word_event(grammar.sample_event(topic, rng), rng)
        text = grammar.say_event(wording, rng.choice(grammar.EVENT_TEMPLATES["test"]))
        if grammar.is_reserved(text):
            texts[text] = topic.name
    return list(texts), list(texts.values())


class MiniTopicClassification(AbsTaskClassification):
    """One of 12 held-out topics, from one word in a neutral frame."""

    metadata = sentence_metadata("MiniTopicClassification", ["Topic classification"])
    samples_per_label = 8
    n_experiments = 10

    def __init__(self, draw: Draw = "test", seed: int = 42, **kwargs: Any) -> None:
        self.draw = draw
        self.metadata = sentence_metadata("MiniTopicClassification", ["Topic classification"], draw)
        super().__init__(seed=seed, **kwargs)

    def load_data(self, **_: Any) -> None:
        """Generate the splits `train` and `test`: columns text, label (topic name)."""
        from datasets import Dataset, DatasetDict

        if self.data_loaded:
            return
        rng = draw_rng(self.metadata.name, self.draw)
        splits = {}
        for synonym, (split, n) in enumerate((("train", N_TRAIN), ("test", N_TEST))):
            texts, labels = topic_mentions(load_lexicon(), rng, n, synonym)
            splits[split] = Dataset.from_dict({"text": texts, "label": labels})
        self.dataset = {"default": DatasetDict(splits)}
        self.data_loaded = True


class MiniTopicClustering(AbsTaskClustering):
    """Event sentences of 12 held-out topics; mteb draws with replacement and clusters ten times."""

    metadata = sentence_metadata("MiniTopicClustering", ["Topic classification"])
    max_fraction_of_documents_to_embed = None
    max_documents_per_cluster = N_CLUSTERED
    n_clusters = 10

    def __init__(self, draw: Draw = "test", seed: int = 42, **kwargs: Any) -> None:
        self.draw = draw
        self.metadata = sentence_metadata("MiniTopicClustering", ["Topic classification"], draw)
        super().__init__(seed=seed, **kwargs)

    def load_data(self, **_: Any) -> None:
        """Generate the split `test`: columns sentences, labels (topic name)."""
        from datasets import Dataset, DatasetDict

        if self.data_loaded:
            return
        texts, labels = topic_events(load_lexicon(), draw_rng(self.metadata.name, self.draw), N_CLUSTERED)
        self.dataset = {"default": DatasetDict({"test": Dataset.from_dict({"sentences": texts, "labels": labels})})}
        self.data_loaded = True
