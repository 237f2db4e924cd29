"""The similarity tasks: pairs of sentences with a true similarity, from pairs of meanings; without end.

A perfect system reaches a Spearman of .866 on MiniParaphrase and MiniRoles, whose scores are 0 or 1 (ties).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

from harness.mini import grammar
from harness.mini.grammar import Event, Wording
from harness.mini.lexicon import Lexicon, Topic
from harness.mini.triplets import change_part
from harness.suites.mini.generated import GeneratedSTS, Splits

PARTS = ("agent", "verb", "thing")
PART_WEIGHTS = {"agent": 0.3, "verb": 0.35, "thing": 0.35}
SIBLING_SIMILARITY = 0.25  # of two concepts of one kind and topic
MAX_SCORE = 5.0
# How likely it is that so many parts are changed to a sibling; None: another topic.
_CHANGES = {0: 0.25, 1: 0.3, 2: 0.2, 3: 0.1, None: 0.15}
_TRIES = 40  # wordings; eight are reserved among as many
_TEMPLATES = grammar.EVENT_TEMPLATES["test"]
_SOCIAL = grammar.SOCIAL_TEMPLATES["test"]
ScoredPair = tuple[str, str, float]  # two sentences and their similarity
_Pairs = Callable[[Lexicon, random.Random], Iterator[ScoredPair]]


def similarity(a: Event, b: Event) -> float:
    """0 to 5: the weighted share of agent, verb and thing that agree, a sibling counting for a quarter."""
    total = 0.0
    for part, weight in PART_WEIGHTS.items():
        x, y = getattr(a, part), getattr(b, part)
        total += weight * (1.0 if x == y else SIBLING_SIMILARITY if x.topic == y.topic else 0.0)
    return round(MAX_SCORE * total, 4)


def graded_pairs(lexicon: Lexicon, rng: random.Random, *, about: Topic | None = None) -> Iterator[ScoredPair]:
    """Pairs over the whole range of similarity. How many words two sentences share says little about it.

    The first sentence of each is on a topic of its own, or on that of `about`.
    """
    topics = lexicon.of_side("test")
    while True:
        topic = about or rng.choice(topics)
        event = grammar.sample_event(topic, rng)
        change = grammar.choose(list(_CHANGES), list(_CHANGES.values()), rng)
        if change is None:
            other = grammar.sample_event(rng.choice([t for t in topics if t != topic]), rng)
        else:
            other = _change(event, topic, rng.sample(PARTS, change), rng)
        yield from _say(event, other, rng.choice((0, 0, 1, 1, 2)), similarity(event, other), rng)


def paraphrase_pairs(lexicon: Lexicon, rng: random.Random) -> Iterator[ScoredPair]:
    """Half paraphrases (1), half pairs with one part changed to its sibling (0), at equal word overlap."""
    topics = lexicon.of_side("test")
    while True:
        for same in (True, False):
            pairs: list[ScoredPair] = []
            while not pairs:
                topic = rng.choice(topics)
                event = grammar.sample_event(topic, rng)
                other = event if same else _change(event, topic, [rng.choice(PARTS)], rng)
                pairs = list(_say(event, other, rng.choice((0, 1, 2)), float(same), rng))
            yield from pairs


def role_pairs(lexicon: Lexicon, rng: random.Random) -> Iterator[ScoredPair]:
    """Pairs on two people, half with the same doer (1), half with the roles swapped (0), equal words in both."""
    topics, verbs = lexicon.of_side("test"), lexicon.social_verbs["test"]
    templates = [*_SOCIAL[0], *_SOCIAL[1]]
    while True:
        encounter = grammar.sample_encounter(rng.choice(topics), verbs, rng)
        swapped = replace(encounter, doer=encounter.undergoer, undergoer=encounter.doer)
        people = {c: grammar.form(c, rng) for c in (encounter.doer, encounter.undergoer)}
        verb = rng.choice(encounter.verb.forms)
        if not grammar.encounter_is_reserved(people[encounter.doer], people[encounter.undergoer], verb):
            continue
        # Both templates are used with both meanings: neither words nor templates tell the two labels apart.
        first, second = rng.sample(templates, 2)
        said = grammar.say_encounter(encounter, people, verb, first)
        same, other = (grammar.say_encounter(e, people, verb, second) for e in (encounter, swapped))
        yield said, same, 1.0
        yield said, other, 0.0


def _change(event: Event, topic: Topic, parts: list[str], rng: random.Random) -> Event:
    for part in parts:
        event = change_part(event, topic, part, rng)
    return event


def _say(event: Event, other: Event, shared: int, score: float, rng: random.Random) -> Iterator[ScoredPair]:
    """The pair in words, sharing the forms of `shared` of the parts that mean the same (or of all, if fewer).

    Nothing if no wording that was tried is reserved for the suite.
    """
    same = [part for part in PARTS if getattr(event, part) == getattr(other, part)]
    kept = rng.sample(same, min(shared, len(same)))
    for _ in range(_TRIES):
        wording = replace(grammar.word_event(event, rng), adjective=None)
        template = rng.choice(_TEMPLATES)
        first = grammar.say_event(wording, template)
        if grammar.is_reserved(first):
            break
    else:
        return
    for _ in range(_TRIES):
        again = _reword(other, wording, kept, rng)
        second = grammar.say_event(again, rng.choice([t for t in _TEMPLATES if t != template]))
        if grammar.is_reserved(second):
            yield first, second, score
            return


def _reword(event: Event, wording: Wording, kept: list[str], rng: random.Random) -> Wording:
    def word(part: str) -> str:
        before: str = getattr(wording, part)
        return before if part in kept else grammar.form(getattr(event, part), rng, avoid=before)

    return Wording(agent=word("agent"), verb=word("verb"), thing=word("thing"), adjective=None, place=word("place"))


def _write(pairs: _Pairs, n: int, lexicon: Lexicon, rng: random.Random) -> Splits:
    first, second, score = zip(*islice(pairs(lexicon, rng), n), strict=True)
    return {"test": {"sentence1": list(first), "sentence2": list(second), "score": list(score)}}


def _task(name: str, pairs: _Pairs, n: int, most: int) -> Callable[..., GeneratedSTS]:
    return partial(GeneratedSTS, name, "Textual Entailment", partial(_write, pairs, n), min_score=0, max_score=most)


MiniSTS = _task("MiniSTS", graded_pairs, 2000, int(MAX_SCORE))
MiniParaphrase = _task("MiniParaphrase", paraphrase_pairs, 4000, 1)
MiniRoles = _task("MiniRoles", role_pairs, 3000, 1)
