"""From meaning to English: events with selectional preferences, and the templates that say them.

Preferences hold between concepts, never between forms: near-synonyms are therefore interchangeable in the corpus,
and two things of one topic are not, because different verbs, adjectives and weights go with them.
Templates have a side. The pretraining corpus uses both sides, contrastive triplets use `train` templates only,
the suite uses `test` templates only.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.mini.lexicon import Concept, Neutral, Side, SocialVerb, Topic

GENERATOR_VERSION = 4
RESERVED_SHARE = 5  # one sentence in five is kept for the suite and never occurs in any training text

# {A} agent, {V} verb, {T} thing with its adjective, {B} bare thing, {P} place
EVENT_TEMPLATES: dict[Side, tuple[str, ...]] = {
    "train": (
        "The {A} {V} the {T} in the {P}.",
        "In the {P}, the {T} was {V} by the {A}.",
        "It was the {A} who {V} the {T}.",
        "The {B} in the {P} was {V} by the {A}.",
        "Indeed the {A} {V} a {T}.",
    ),
    "test": (
        "What the {A} {V} was the {T}.",
        "The one who {V} the {T} was the {A}.",
        "The {B} that the {A} {V} was in the {P}.",
        "There the {A} had {V} the {T}.",
        "The {T} had been {V} by the {A}.",
    ),
}
# {A} doer, {V} verb, {B} undergoer. First those that name the doer first, then those that name the undergoer first.
SOCIAL_TEMPLATES: dict[Side, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (
        ("The {A} {V} the {B}.", "It was the {A} who {V} the {B}."),
        ("The {B} was {V} by the {A}.", "It was the {B} whom the {A} {V}."),
    ),
    "test": (
        ("There the {A} had {V} the {B}.", "The one whom the {A} {V} was the {B}."),
        ("The {B} had been {V} by the {A}.", "The {B} is the one whom the {A} {V}."),
    ),
}

SLOT = "{X}"  # of a neutral frame, which says nothing about what fills it

_CENTRES = (0, 1, 3, 4)  # the thing each of the four verbs goes with best
_BY_DISTANCE = (0.5, 0.2, 0.04, 0.01)
_AGENT_VERBS = ((0.6, 0.3, 0.05, 0.05), (0.05, 0.05, 0.6, 0.3), (0.3, 0.05, 0.05, 0.6))
_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Somebody does something to a thing somewhere."""

    agent: Concept
    verb: Concept
    thing: Concept
    adjective: Concept | None
    place: Concept


@dataclass(frozen=True, kw_only=True)
class Encounter:
    """Somebody does something to somebody."""

    doer: Concept
    undergoer: Concept
    verb: SocialVerb


def is_reserved(text: str) -> bool:
    """Whether `text` is kept for the suite. A hash of the text decides, so both sides agree without a list."""
    return zlib.crc32(text.encode()) % RESERVED_SHARE == 0


def encounter_is_reserved(doer: str, undergoer: str, verb: str) -> bool:
    """Whether these three words are kept for the suite, in whatever roles and template: those are what it tests."""
    return is_reserved(" ".join((*sorted((doer, undergoer)), verb)))


def thing_weights(verb: int) -> tuple[float, ...]:
    """How readily each of a topic's six things goes with verb number `verb`."""
    distances = [min((i - _CENTRES[verb]) % 6, (_CENTRES[verb] - i) % 6) for i in range(6)]
    return tuple(_BY_DISTANCE[d] for d in distances)


def choose(items: Sequence[_Item], weights: Sequence[float], rng: random.Random) -> _Item:
    """One item, with probability proportional to its weight."""
    return rng.choices(items, weights)[0]


def sample_event(topic: Topic, rng: random.Random, thing: Concept | None = None) -> Event:
    """An event of `topic` as its preferences make it likely; about the given thing if there is one."""
    agent = rng.choice(topic.agents)
    if thing is None:
        verb = choose(topic.verbs, _AGENT_VERBS[agent.index], rng)
        thing = choose(topic.things, thing_weights(verb.index), rng)
    else:
        verb = choose(topic.verbs, [thing_weights(verb)[thing.index] for verb in range(4)], rng)
        agent = choose(topic.agents, [row[verb.index] for row in _AGENT_VERBS], rng)
    adjective = None
    if rng.random() < 0.4:  # even things go with the first adjective, odd ones with the second
        adjective = topic.adjectives[thing.index % 2 if rng.random() < 0.85 else rng.randrange(2)]
    return Event(agent=agent, verb=verb, thing=thing, adjective=adjective, place=topic.places[0])


def sample_encounter(topic: Topic, verbs: Sequence[SocialVerb], rng: random.Random) -> Encounter:
    """One person of `topic` meeting another one."""
    doer, undergoer = rng.sample(topic.agents, 2)
    return Encounter(doer=doer, undergoer=undergoer, verb=rng.choice(verbs))


def form(concept: Concept, rng: random.Random, *, homonym_share: float = 0.0, avoid: str | None = None) -> str:
    """A form of `concept`; a homonym with the given probability, and never `avoid` if another one is left."""
    if concept.homonyms and rng.random() < homonym_share:
        return rng.choice(concept.homonyms)
    return rng.choice([f for f in concept.forms if f != avoid] or concept.forms)


@dataclass(frozen=True)
class Wording:
    """The forms chosen for an event, so that two sentences can share some and not others."""

    agent: str
    verb: str
    thing: str
    adjective: str | None
    place: str


def word_event(event: Event, rng: random.Random, *, homonym_share: float = 0.0) -> Wording:
    """Choose a form for every part of `event`."""
    return Wording(
        agent=form(event.agent, rng),
        verb=form(event.verb, rng),
        thing=form(event.thing, rng, homonym_share=homonym_share),
        adjective=form(event.adjective, rng) if event.adjective else None,
        place=form(event.place, rng),
    )


def say_event(wording: Wording, template: str) -> str:
    """Fill an event template."""
    noun = f"{wording.adjective} {wording.thing}" if wording.adjective else wording.thing
    return fill(template, A=wording.agent, V=wording.verb, T=noun, B=wording.thing, P=wording.place)


def say_encounter(encounter: Encounter, forms: Mapping[Concept, str], verb: str, template: str) -> str:
    """Fill a social template with the given forms of the two people and of the verb."""
    return fill(template, A=forms[encounter.doer], V=verb, B=forms[encounter.undergoer])


def fill(template: str, **slots: str) -> str:
    """Fill a template; mends `a` before a vowel and the capital letter at the start."""
    text = template.format(**slots)
    for vowel in "aeio":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return text[0].upper() + text[1:]


def neutral_frame(neutral: Neutral, rng: random.Random, *, reserved: bool) -> str:
    """A frame of at least three words before the slot and three after, drawn without looking at the filler.

    `reserved` frames occur in the suite only, all others only in training texts.
    """
    while True:
        opener = rng.choice(neutral.openers)
        before = f"{rng.choice(neutral.people)} {rng.choice(neutral.adverbs)} {rng.choice(neutral.perceived)} the"
        after = [rng.choice(neutral.where), rng.choice(neutral.when)]
        rng.shuffle(after)
        frame = f"{opener} {before} {SLOT} {' '.join(after)}."
        if is_reserved(frame) == reserved:
            return frame
