"""Topic tasks: classification by the majority of three nouns, clustering by one noun in a neutral sentence.

The classifier is trained on one form of each concept and tested on its synonyms, so no topical word stands on both
sides and a bag of words is at chance.
"""

from __future__ import annotations

import random
from functools import partial

from harness.mini import grammar
from harness.mini.lexicon import Lexicon
from harness.suites.mini.generated import GeneratedClassification, GeneratedClustering, Splits, labelled

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
        concepts = [*rng.sample((*topic.agents, *topic.things), 2), rng.choice((*other.agents, *other.things))]
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
        frame = grammar.neutral_frame(lexicon.neutral, rng, reserved=True)
        texts.setdefault(grammar.fill(frame.replace(grammar.SLOT, noun)), topic.name)
    return list(texts), list(texts.values())


def _clustered(lexicon: Lexicon, rng: random.Random) -> Splits:
    texts, labels = topic_mentions(lexicon, rng, N_CLUSTERED)
    return {"test": {"sentences": texts, "labels": labels}}


# The topic of two of three nouns, one of 12 held-out ones.
MiniTopicClassification = partial(
    GeneratedClassification,
    "MiniTopicClassification",
    "Topic classification",
    partial(labelled, topic_majorities),
    samples_per_label=8,
)
# Neutral sentences with one noun of 12 held-out topics; mteb draws with replacement and clusters ten times.
MiniTopicClustering = partial(
    GeneratedClustering,
    "MiniTopicClustering",
    "Topic classification",
    _clustered,
    max_fraction_of_documents_to_embed=None,
    max_documents_per_cluster=N_CLUSTERED,
    n_clusters=10,
)
