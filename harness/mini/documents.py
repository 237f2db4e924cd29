"""Documents: a few sentences on one topic, in one mood, with the same people and things coming back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from harness.mini import grammar
from harness.mini.lexicon import SIDES, Concept, Lexicon, Topic
from harness.mini.sentiment import say_sentiment

HOMONYM_SHARE = 0.3  # of the mentions of a thing that has homonyms
_HEAVINESS_NOISE = 0.06


def write_documents(lexicon: Lexicon, rng: random.Random, *, held_out: bool = False) -> Iterator[list[str]]:
    """The sentences of documents without end, all topics alike. No sentence of theirs is reserved for the suite.

    With `held_out` it is the other way round: every passage holds a reserved sentence, so that no passage of theirs
    can stand in a training text.
    """
    while True:
        topic = rng.choice(lexicon.topics)
        writer = _Writer(lexicon, topic, rng, held_out=held_out)
        length = rng.choice((1, 2, 3, 4, 5, 6))
        sentences: list[str] = []
        while len(sentences) < length:
            sentences += writer.passage()
        yield sentences


class _Writer:
    """What stays the same through one document: topic, mood, and a few things that come back."""

    def __init__(self, lexicon: Lexicon, topic: Topic, rng: random.Random, *, held_out: bool) -> None:
        self.lexicon, self.topic, self.rng, self.held_out = lexicon, topic, rng, held_out
        self.positive = rng.random() < 0.5
        self.things = rng.sample(topic.things, 2)
        kinds: list[tuple[Callable[[], list[str]], float]] = [
            (self._event, 0.36),
            (self._judgement, 0.36 if rng.random() < 0.5 else 0.1),
            (self._mention, 0.12),
            (self._chain, 0.08),
            (self._handling, 0.14),
            (self._encounter, 0.12),
        ]
        self.kinds = [kind for kind, _ in kinds]
        self.weights = [weight for _, weight in kinds]

    def passage(self) -> list[str]:
        """One or two sentences that belong together."""
        while True:
            sentences = grammar.choose(self.kinds, self.weights, self.rng)()
            if any(grammar.is_reserved(sentence) for sentence in sentences) == self.held_out:
                return sentences

    def _thing(self) -> Concept:
        return self.rng.choice(self.things) if self.rng.random() < 0.6 else self.rng.choice(self.topic.things)

    def _noun(self) -> str:
        if self.rng.random() < 0.4:
            return grammar.form(self.rng.choice(self.topic.agents), self.rng)
        return grammar.form(self._thing(), self.rng, homonym_share=HOMONYM_SHARE)

    def _event(self) -> list[str]:
        thing = self._thing() if self.rng.random() < 0.5 else None
        event = grammar.sample_event(self.topic, self.rng, thing)
        wording = grammar.word_event(event, self.rng, homonym_share=HOMONYM_SHARE)
        templates = grammar.EVENT_TEMPLATES[self.rng.choice(SIDES)]
        return [grammar.say_event(wording, self.rng.choice(templates))]

    def _judgement(self) -> list[str]:
        kind = grammar.choose(("plain", "negated", "outweighed"), (0.5, 0.3, 0.2), self.rng)
        side = self.rng.choice(SIDES)
        said = say_sentiment(self._noun(), self.positive, kind, side, self.lexicon, self.rng)
        # How people react follows from the sentence as a whole, not from the evaluation words in it.
        reacted = self.rng.random() < 0.6
        return [said, f"{self.rng.choice(self.lexicon.reactions[self.positive])}."] if reacted else [said]

    def _mention(self) -> list[str]:
        frame = grammar.neutral_frame(self.lexicon.neutral, self.rng, reserved=False)
        return [grammar.fill(frame.replace(grammar.SLOT, self._noun()))]

    def _chain(self) -> list[str]:
        """Two mentions with neutral words between them: those words announce another word of the topic."""
        frame = grammar.neutral_frame(self.lexicon.neutral, self.rng, reserved=False).removesuffix(".")
        link = self.rng.choice(self.lexicon.neutral.links)
        return [grammar.fill(f"{frame.replace(grammar.SLOT, self._noun())} {link} the {self._noun()}.")]

    def _handling(self) -> list[str]:
        """Two sentences on how a thing is handled; a modifier in the first shifts what the second says too."""
        thing = self._thing()
        noun, shift = self._modified(thing)
        heaviness = min(max(thing.heaviness + shift + self.rng.gauss(0, _HEAVINESS_NOISE), 0.0), 0.999)
        phrases = self.lexicon.heaviness[int(heaviness * len(self.lexicon.heaviness))]
        first, second = self.rng.sample(phrases, 2)
        return [grammar.fill(f"{first}.", T=f"the {noun}"), grammar.fill(f"{second}.", T="it")]

    def _encounter(self) -> list[str]:
        """An encounter and what follows for one of the two, so that who did it matters for what comes next."""
        verbs = self.lexicon.social_verbs[self.rng.choice(SIDES)]
        encounter = grammar.sample_encounter(self.topic, verbs, self.rng)
        doer, undergoer = grammar.form(encounter.doer, self.rng), grammar.form(encounter.undergoer, self.rng)
        templates = self.rng.choice(grammar.SOCIAL_TEMPLATES[self.rng.choice(SIDES)])
        verb = self.rng.choice(encounter.verb.forms)
        if grammar.encounter_is_reserved(doer, undergoer, verb):
            return self._encounter()
        first = grammar.fill(self.rng.choice(templates), A=doer, V=verb, B=undergoer)
        after = [f"The {doer} {encounter.verb.doer}.", f"The {undergoer} {encounter.verb.undergoer}."]
        self.rng.shuffle(after)
        return [first, *after]

    def _modified(self, thing: Concept) -> tuple[str, float]:
        """A form of `thing`, half the time with a modifier before or after it, and the shift in heaviness."""
        noun = grammar.form(thing, self.rng, homonym_share=HOMONYM_SHARE)
        where = self.rng.random()
        if where < 0.5:
            return noun, 0.0
        phrase, shift = self.rng.choice(self.lexicon.modifiers_before if where < 0.75 else self.lexicon.modifiers_after)
        return (f"{phrase} {noun}" if where < 0.75 else f"{noun} {phrase}"), shift
