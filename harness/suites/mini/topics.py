"""Topic tasks: classification by the majority of three nouns, clustering by one noun in a neutral sentence.

The classifier is trained on one form of each concept and tested on its synonyms, so no topical word stands on both
sides and a bag of words is at chance.
"""

from __future__ import annotations

import random
from typing import Any

from mteb.abstasks.clustering import AbsTaskClustering

from harness.mini import grammar
from harness.mini.frames import SLOT, neutral_frame
from harness.mini.lexicon import Lexicon, load_lexicon
from harness.suites.mini import Draw
from harness.suites.mini.labelled import LabelledTask
from harness.suites.mini.metadata import draw_rng, sentence_metadata

N_CLUSTERED = 1200
# {A}, {B}: two nouns of the topic, {C}: one of another; every order of the three occurs.
_MAJORITY = (
    "{O} {S} {D} the {0} near the {1} and the {2}",
    "{O} the {0} was {W} and the {1} {E} the {2}",
    "{O} the {0} {D} the {1} but not the {2}",
)


def topic_majorities(lexicon: Lexicon, rng: random.Random, n: int, synonym: int) -> tuple[list[str], list[str]]:
    """`n` distinct sentences with two nouns of one topic and one of another. (texts, labels)

    The label is the topic of the two. Nouns are form number `synonym` of people and things; topics in turn.
    """
    topics = lexicon.of_side("test")
    texts: dict[str, str] = {}
    while len(texts) < n:
        topic = topics[len(texts) % len(topics)]
        other = rng.choice([t for t in topics if t != topic])
        concepts = [
            *rng.sample((*topic.agents, *topic.things), 2),
            rng.choice((*other.agents, *other.things)),
        ]
        nouns = [concept.forms[synonym] for concept in concepts]
        rng.shuffle(nouns)
        words = lexicon.neutral
        text = grammar.fill(
            rng.choice(_MAJORITY).format(
                *nouns,
                O=rng.choice(words.openers),
                S=rng.choice(words.people),
                D=rng.choice(words.perceived),
                E=rng.choice(words.perceived),
                W=rng.choice(words.where),
            )
            + f" {rng.choice(words.when)}."
        )
        if grammar.is_reserved(text):
            texts.setdefault(text, topic.name)
    return list(texts), list(texts.values())


def topic_mentions(lexicon: Lexicon, rng: random.Random, n: int) -> tuple[list[str], list[str]]:
    """`n` distinct neutral sentences around one person or thing; topics in turn. (texts, labels)"""
    topics = lexicon.of_side("test")
    texts: dict[str, str] = {}
    while len(texts) < n:
        topic = topics[len(texts) % len(topics)]
        noun = grammar.form(rng.choice((*topic.agents, *topic.things)), rng)
        frame = neutral_frame(lexicon.neutral, rng, reserved=True)
        texts.setdefault(grammar.fill(frame.replace(SLOT, noun)), topic.name)
    return list(texts), list(texts.values())


class MiniTopicClassification(LabelledTask):
    """The topic of two of three nouns, one of 12 held-out ones."""

    metadata = sentence_metadata("MiniTopicClassification", ["Topic classification"])
    subtypes = ("Topic classification",)
    n_train, n_test = 240, 1500
    samples_per_label = 8
    write = staticmethod(topic_majorities)


class MiniTopicClustering(AbsTaskClustering):
    """Neutral sentences with one noun of 12 held-out topics; mteb draws with replacement and clusters ten times."""

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

        texts, labels = topic_mentions(load_lexicon(), draw_rng(self.metadata.name, self.draw), N_CLUSTERED)
        self.dataset = {"default": DatasetDict({"test": Dataset.from_dict({"sentences": texts, "labels": labels})})}
        self.data_loaded = True
