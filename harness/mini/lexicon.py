"""The words of the mini language, read from lexicon.yaml into frozen objects. No torch, no randomness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from harness.errors import HarnessError

Side = Literal["train", "test"]
SIDES: tuple[Side, ...] = ("train", "test")
LEXICON_FILE = Path(__file__).with_name("lexicon.yaml")
_CONCEPTS_PER_TOPIC = {"agents": 3, "things": 6, "places": 1, "verbs": 4, "adjectives": 2}


@dataclass(frozen=True)
class Concept:
    """One meaning and the near-synonymous forms that name it.

    `heaviness` is in [0, 1] and NaN-free: 0.5 for everything that is not a thing. `homonyms` are further forms
    that name this concept and one of another topic.
    """

    topic: str
    kind: str
    index: int
    forms: tuple[str, ...]
    heaviness: float = 0.5
    homonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """A field of life: who acts in it, on what, where, how."""

    name: str
    side: Side
    agents: tuple[Concept, ...]
    things: tuple[Concept, ...]
    places: tuple[Concept, ...]
    verbs: tuple[Concept, ...]
    adjectives: tuple[Concept, ...]


@dataclass(frozen=True)
class Sentiment:
    """Evaluation words of one side, each list from faint to strong."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    negators: tuple[str, ...]

    def adjectives(self, positive: bool) -> tuple[str, ...]:
        """The adjectives of one polarity."""
        return self.positive if positive else self.negative


@dataclass(frozen=True)
class SocialVerb:
    """What one person does to another, and what follows for each of the two."""

    forms: tuple[str, ...]
    doer: str
    undergoer: str


@dataclass(frozen=True)
class Neutral:
    """Words that go with every topic alike."""

    openers: tuple[str, ...]
    people: tuple[str, ...]
    adverbs: tuple[str, ...]
    perceived: tuple[str, ...]
    where: tuple[str, ...]
    links: tuple[str, ...]
    when: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """All words.

    `homonyms` maps a form to its two (topic, thing index) senses; a modifier is a phrase that makes a thing lighter or
    heavier, and by how much of the whole range.
    """

    topics: tuple[Topic, ...]
    homonyms: dict[str, tuple[Concept, Concept]]
    sentiment: dict[Side, Sentiment]
    reactions: dict[bool, tuple[str, ...]]
    social_verbs: dict[Side, tuple[SocialVerb, ...]]
    heaviness: tuple[tuple[str, ...], ...]
    modifiers_before: tuple[tuple[str, float], ...]
    modifiers_after: tuple[tuple[str, float], ...]
    neutral: Neutral

    def of_side(self, side: Side) -> tuple[Topic, ...]:
        """The topics of one side, in the order of the file."""
        return tuple(topic for topic in self.topics if topic.side == side)

    def topic(self, name: str) -> Topic:
        """The topic called `name`."""
        return next(topic for topic in self.topics if topic.name == name)


@cache
def load_lexicon() -> Lexicon:
    """Read and check lexicon.yaml. Raises HarnessError if the file breaks a rule the suite rests on."""
    data = yaml.safe_load(LEXICON_FILE.read_text(encoding="utf-8"))
    senses = _homonym_senses(data)
    topics = tuple(_topic(name, entry, senses) for name, entry in data["topics"].items())
    things = {(topic.name, thing.index): thing for topic in topics for thing in topic.things}
    lexicon = Lexicon(
        topics=topics,
        homonyms={form: (things[first], things[second]) for form, (first, second) in senses.items()},
        sentiment={side: Sentiment(**_tuples(data["sentiment"][side])) for side in SIDES},
        reactions={good: tuple(data["reactions"]["positive" if good else "negative"]) for good in (True, False)},
        social_verbs={side: _social_verbs(data, side) for side in SIDES},
        heaviness=tuple(tuple(level) for level in data["heaviness"]),
        modifiers_before=tuple((phrase, shift) for phrase, shift in data["modifiers"]["before"]),
        modifiers_after=tuple((phrase, shift) for phrase, shift in data["modifiers"]["after"]),
        neutral=Neutral(**_tuples(data["neutral"])),
    )
    _check(lexicon)
    return lexicon


def _homonym_senses(data: dict[str, Any]) -> dict[str, tuple[tuple[str, int], tuple[str, int]]]:
    """Spread the homonyms of a topic evenly over its six things, in the order of the file."""
    taken: dict[str, int] = {}
    senses = {}
    for form, topics in data["homonyms"].items():
        pair = []
        for name in topics:
            pair.append((name, taken.get(name, 0) % _CONCEPTS_PER_TOPIC["things"]))
            taken[name] = taken.get(name, 0) + 1
        senses[form] = (pair[0], pair[1])
    return senses


def _topic(name: str, entry: dict[str, Any], senses: dict[str, tuple[tuple[str, int], tuple[str, int]]]) -> Topic:
    def concepts(kind: str) -> tuple[Concept, ...]:
        if len(entry[kind]) != _CONCEPTS_PER_TOPIC[kind]:
            raise HarnessError(f"topic {name} needs {_CONCEPTS_PER_TOPIC[kind]} {kind} in {LEXICON_FILE.name}")
        if kind != "things":
            return tuple(Concept(name, kind, i, tuple(forms)) for i, forms in enumerate(entry[kind]))
        return tuple(
            Concept(
                name,
                kind,
                i,
                (*forms,),
                heaviness=(heavy - 1) / 8,
                homonyms=tuple(form for form, pair in senses.items() if (name, i) in pair),
            )
            for i, (*forms, heavy) in enumerate(entry[kind])
        )

    kinds = {kind: concepts(kind) for kind in _CONCEPTS_PER_TOPIC}
    return Topic(name=name, side=entry["side"], **kinds)


def _social_verbs(data: dict[str, Any], side: Side) -> tuple[SocialVerb, ...]:
    after = data["consequences"][side]
    rows = zip(data["social_verbs"][side], after["doer"], after["undergoer"], strict=True)
    return tuple(SocialVerb(tuple(forms), doer, undergoer) for forms, doer, undergoer in rows)


def _tuples(entry: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in entry.items()}


def _check(lexicon: Lexicon) -> None:
    forms = [
        form
        for topic in lexicon.topics
        for kind in _CONCEPTS_PER_TOPIC
        for c in getattr(topic, kind)
        for form in c.forms
    ]
    forms += lexicon.homonyms
    twice = sorted({form for form in forms if forms.count(form) > 1})
    if twice:
        raise HarnessError(f"{LEXICON_FILE.name} gives two meanings to {', '.join(twice)}; list it under homonyms")
    trained = {topic.name for topic in lexicon.of_side("train")}
    leaked = sorted(form for form, pair in lexicon.homonyms.items() if {c.topic for c in pair} & trained)
    if leaked:
        raise HarnessError(f"homonyms belong to held-out topics only; {', '.join(leaked)} touch a training topic")
