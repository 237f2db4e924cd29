"""Triplets for supervised contrastive training: training topics, training words, training templates only.

Four kinds are mixed. *event*: the positive says the same with other words, the hard negative changes one part to
its sibling. *encounter*: the hard negative swaps who did it. *judgement*: the hard negative turns the polarity.
*topic*: anchor and positive share nothing but the topic, the negative comes from another topic in the anchor's
template. Without the last kind every hard negative shares its anchor's topic, and training learns to ignore topics.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from harness.mini import grammar
from harness.mini.grammar import Encounter, Event
from harness.mini.lexicon import Concept, Lexicon, SocialVerb, Topic
from harness.mini.sentiment import SENTIMENT_TEMPLATES, say_sentiment

Triplet = tuple[str, str, str]
KINDS = ("event", "encounter", "judgement", "topic")
KEEP = 0.3  # the probability of each word of the anchor to be kept in the positive
MIX = (0.35, 0.3, 0.15, 0.2)
_EVENTS = grammar.EVENT_TEMPLATES["train"]


def write_triplets(lexicon: Lexicon, rng: random.Random) -> Iterator[Triplet]:
    """Triplets without end; topics go round, so that a batch always holds many of them.

    Anchor, positive and negative are each a sentence; none of them is reserved for the suite.
    """
    topics = list(lexicon.of_side("train"))
    while True:
        rng.shuffle(topics)
        for topic in topics:
            kind = grammar.choose(KINDS, MIX, rng)
            yield next(t for t in _attempts(kind, topic, lexicon, rng) if _usable(t))


def _attempts(kind: str, topic: Topic, lexicon: Lexicon, rng: random.Random) -> Iterator[Triplet]:
    while True:
        if kind == "event":
            yield _event(topic, rng)
        elif kind == "encounter":
            yield _encounter(topic, lexicon.social_verbs["train"], rng)
        elif kind == "judgement":
            yield _judgement(topic, lexicon, rng)
        else:
            yield _topic(topic, lexicon.of_side("train"), rng)


def _usable(triplet: Triplet) -> bool:
    return len(set(triplet)) == len(triplet) and not any(grammar.is_reserved(text) for text in triplet)


def _event(topic: Topic, rng: random.Random) -> Triplet:
    event = grammar.sample_event(topic, rng)
    changed = change_part(event, topic, rng.choice(("agent", "verb", "thing", "thing")), rng)
    first, second = rng.sample(_EVENTS, 2)
    anchor = grammar.word_event(event, rng)
    positive = reword(event, anchor, rng)
    # The negative keeps the anchor's words where the meaning is the same: overlap must not give it away.
    sibling = grammar.word_event(changed, rng)
    kept = {
        part: getattr(anchor, part)
        for part in ("agent", "verb", "thing", "adjective", "place")
        if getattr(changed, part) == getattr(event, part)
    }
    negative = replace(sibling, **kept)
    return (
        grammar.say_event(anchor, first),
        grammar.say_event(positive, second),
        grammar.say_event(negative, rng.choice((first, second))),
    )


def change_part(event: Event, topic: Topic, part: str, rng: random.Random) -> Event:
    """`event` with its agent, verb or thing replaced by a sibling concept of the same topic."""
    siblings = {"agent": topic.agents, "verb": topic.verbs, "thing": topic.things}[part]
    other = rng.choice([concept for concept in siblings if concept != getattr(event, part)])
    return replace(event, **{part: other})


def reword(event: Event, wording: grammar.Wording, rng: random.Random) -> grammar.Wording:
    """Say `event` again, keeping some words of `wording` and taking synonyms of the others."""

    def again(concept: Concept, word: str) -> str:
        return word if rng.random() < KEEP else grammar.form(concept, rng, avoid=word)

    return grammar.Wording(
        agent=again(event.agent, wording.agent),
        verb=again(event.verb, wording.verb),
        thing=again(event.thing, wording.thing),
        adjective=again(event.adjective, wording.adjective) if event.adjective and wording.adjective else None,
        place=again(event.place, wording.place),
    )


def _encounter(topic: Topic, verbs: tuple[SocialVerb, ...], rng: random.Random) -> Triplet:
    encounter = grammar.sample_encounter(topic, verbs, rng)
    doer_first, undergoer_first = grammar.SOCIAL_TEMPLATES["train"]
    templates = rng.sample((*doer_first, *undergoer_first), 3)
    swapped = replace(encounter, doer=encounter.undergoer, undergoer=encounter.doer)
    same = {c: grammar.form(c, rng) for c in (encounter.doer, encounter.undergoer)}
    other = {c: grammar.form(c, rng) for c in same}

    def say(met: Encounter, forms: dict[Concept, str], template: str) -> str:
        return grammar.say_encounter(met, forms, rng.choice(met.verb.forms), template)

    return (
        say(encounter, same, templates[0]),
        say(encounter, other, templates[1]),
        say(swapped, same, rng.choice(templates)),
    )


def _judgement(topic: Topic, lexicon: Lexicon, rng: random.Random) -> Triplet:
    judged = rng.choice((*topic.agents, *topic.things))
    positive = rng.random() < 0.5
    kinds = list(SENTIMENT_TEMPLATES["train"])

    def say(polarity: bool) -> str:
        kind = grammar.choose(kinds, (0.4, 0.35, 0.25), rng)
        return say_sentiment(grammar.form(judged, rng), polarity, kind, "train", lexicon, rng)

    return say(positive), say(positive), say(not positive)


def _topic(topic: Topic, topics: tuple[Topic, ...], rng: random.Random) -> Triplet:
    other = rng.choice([t for t in topics if t != topic])
    first, second = rng.sample(_EVENTS, 2)

    def say(t: Topic, template: str) -> str:
        return grammar.say_event(grammar.word_event(grammar.sample_event(t, rng), rng), template)

    return say(topic, first), say(topic, second), say(other, first)
