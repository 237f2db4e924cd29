"""A text and what distracts from it: an irrelevant passage around it, or one of its own sentences said again.

Pure and deterministic: what is drawn follows from the texts alone. Lengths are counted in words, so that all systems
and all bases read the same texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import HarnessError
from harness.outcomes import content_id
from harness.sentences import split_sentences
from harness.suites.distractor.cures import words

DistractorPlace = Literal["before", "after", "around", "repeated"]
PLACES: tuple[DistractorPlace, ...] = ("before", "after", "around")
LENGTHS = (0.5, 1.0, 2.0)
TIMES = (1, 2, 4)
_ENDS = (".", "!", "?", '."', '!"', '?"', ".'")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is done to a text: a passage of `amount` times its length, or a sentence repeated `amount` times more.

    `both`: it is done to both texts of a pair, each with a passage of its own.
    """

    place: DistractorPlace
    amount: float
    both: bool = False

    @property
    def name(self) -> str:
        """As subsets of results and tables have it.

        >>> Condition(place="before", amount=0.5).name, Condition(place="repeated", amount=2, both=True).name
        ('before ×0.5', 'repeated ×2, both')
        """
        return f"{self.place} ×{self.amount:g}{', both' if self.both else ''}"


# Under these, on both texts of a pair too, and the cures that a language model carries out, which take the longest.
_MIDDLE = (
    *(Condition(place=place, amount=LENGTHS[1]) for place in PLACES),
    Condition(place="repeated", amount=TIMES[1]),
)
# The one condition that a task's own result is of.
FIRST = Condition(place="around", amount=LENGTHS[1])


def conditions(*, pairs: bool) -> tuple[Condition, ...]:
    """All conditions of a task on single texts, or on pairs: both texts of a pair at the middle amounts alone."""
    one = (
        *(Condition(place=place, amount=amount) for place in PLACES for amount in LENGTHS),
        *(Condition(place="repeated", amount=times) for times in TIMES),
    )
    return (*one, *(replace(each, both=True) for each in _MIDDLE)) if pairs else one


def with_language_model(condition: Condition) -> bool:
    """Whether the cures that a language model carries out are measured under `condition`: the middle ones, one text."""
    return condition in _MIDDLE


@dataclass(frozen=True, kw_only=True)
class Example:
    """One or two texts, and texts on other topics that passages are made of, in the order in which they are used."""

    texts: tuple[str, ...]
    donors: tuple[tuple[str, ...], ...]  # for each text its own

    def distracted(self, condition: Condition) -> tuple[str, ...]:
        """The texts under `condition`; of a pair the first one, or both."""
        last = len(self.texts) if condition.both else 1
        return tuple(
            distract(text, condition, donors) if side < last else text
            for side, (text, donors) in enumerate(zip(self.texts, self.donors, strict=True))
        )


def distract(text: str, condition: Condition, donors: Sequence[str]) -> str:
    """`text` with its distractor. Raises HarnessError for a text or a passage without words."""
    if not words(text):
        raise HarnessError("a text to distract from has no words; take it out of the data")
    if condition.place == "repeated":
        found = split_sentences(ended(text))
        again = random.Random(f"repeated:{content_id(text)}").randrange(len(found))
        copies = [found[again]] * int(condition.amount)
        return " ".join([*found[: again + 1], *copies, *found[again + 1 :]])
    passage = passage_of(donors, max(2, round(condition.amount * words(text))))
    if condition.place == "before":
        return f"{ended(' '.join(passage))} {text}"
    if condition.place == "after":
        return f"{ended(text)} {ended(' '.join(passage))}"
    half = len(passage) // 2
    return f"{ended(' '.join(passage[:half]))} {ended(text)} {ended(' '.join(passage[half:]))}"


def passage_of(donors: Sequence[str], length: int) -> list[str]:
    """The first `length` words of `donors`, one text behind the other. HarnessError where they have fewer."""
    found = " ".join(ended(each) for each in donors if words(each)).split()
    if len(found) < length:
        raise HarnessError(
            f"the passage has {len(found)} words and {length} are needed; give more texts on other topics"
        )
    return found[:length]


def ended(text: str) -> str:
    """`text` with a full stop where it ends without a mark, so that it is a sentence of its own beside others.

    >>> ended("how are you? "), ended("a dog, a cat,")
    ('how are you?', 'a dog, a cat.')
    """
    text = text.strip()
    return text if text.endswith(_ENDS) else text.rstrip(",;:-") + "."


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Texts that passages may be made of, each with its topic; where topics are None, words tell texts apart."""

    texts: tuple[str, ...]
    topics: tuple[object, ...]

    def donors(self, texts: Sequence[str], topic: object) -> tuple[tuple[str, ...], ...]:
        """For each of `texts`, all on `topic`, texts on other topics, enough for twice its length; none is used twice.

        Without a topic it is a text that shares no word of four or more letters with any of `texts`. Raises
        HarnessError where there are too few.
        """
        drawn = self._drawn(texts, topic)
        made = []
        for text in texts:
            own: list[str] = []
            while sum(map(words, own)) < 2 * words(text) + 2:
                found = next(drawn, None)
                if found is None:
                    raise HarnessError(
                        f"too few texts are on other topics than {texts[0][:40]!r} to make passages of; give more texts"
                    )
                own.append(found)
            made.append(tuple(own))
        return tuple(made)

    def _drawn(self, texts: Sequence[str], topic: object) -> Iterator[str]:
        rng = random.Random(f"passage:{content_id(chr(0).join(texts))}")
        known = set().union(*map(_long_words, texts))
        for place in rng.sample(range(len(self.texts)), len(self.texts)):
            text, other = self.texts[place], self.topics[place]
            if not words(text) or text in texts:
                continue
            if (other != topic) if topic is not None else not known & _long_words(text):
                yield text


def _long_words(text: str) -> set[str]:
    return {word for word in (each.strip(".,;:!?\"'()").casefold() for each in text.split()) if len(word) > 3}
