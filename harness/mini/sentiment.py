"""Sentences that say whether something is good or bad: plain, negated, and with a concession that is outweighed."""

from __future__ import annotations

import random

from harness.mini.grammar import fill
from harness.mini.lexicon import Lexicon, Side

# {S} somebody, {N} the thing or person judged, {J} an adjective of the sentence's polarity, {O} of the opposite one,
# {L} a verb of liking or disliking, {G} a negator
SENTIMENT_TEMPLATES: dict[Side, dict[str, tuple[str, ...]]] = {
    "train": {
        "plain": ("The {N} was {J}.", "{S} found the {N} {J}.", "{S} {L} the {N}."),
        "negated": ("The {N} was {G} {O}.", "{S} found the {N} {G} {O}."),
        "outweighed": ("Although the {N} was {O}, the day was {J}.", "The day was {J} although the {N} was {O}."),
    },
    "test": {
        "plain": ("To {S} the {N} looked {J}.", "How {J} the {N} seemed to {S}.", "The {N} was what {S} {L}."),
        "negated": ("To {S} the {N} looked {G} {O}.", "The {N} seemed {G} {O} to {S}."),
        "outweighed": ("The {N} looked {O} but the rest seemed {J}.", "In spite of the {O} {N} the rest seemed {J}."),
    },
}


def say_sentiment(noun: str, positive: bool, kind: str, side: Side, lexicon: Lexicon, rng: random.Random) -> str:
    """A sentence whose overall polarity is `positive`, about `noun`, with words and templates of one side.

    `kind` is plain, negated or outweighed; only in plain sentences does every evaluation word have the sentence's
    own polarity, so counting words is not enough.
    """
    words = lexicon.sentiment[side]
    return fill(
        rng.choice(SENTIMENT_TEMPLATES[side][kind]),
        S=rng.choice(lexicon.neutral.people),
        N=noun,
        J=rng.choice(words.adjectives(positive)),
        O=rng.choice(words.adjectives(not positive)),
        L=rng.choice(words.liked if positive else words.disliked),
        G=rng.choice(words.negators),
    )
