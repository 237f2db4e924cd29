"""What a word-level data set is once it is parsed: words at character spans, with what people say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import HarnessError

Span = tuple[int, int]
Part = Literal["train", "dev", "test", ""]


@dataclass(frozen=True, kw_only=True)
class WordExample:
    """One example: a target word in one text, or in each of two.

    `spans` are the target's characters (start, end) in `texts`. `word` is the target word, as control tasks know it.
    `group` is what belongs together, where that is not the word: no group is in a probe's training and test folds, and
    it is the unit in every resampling. `label` or `scores` is the gold answer. `part` is where the data set itself puts
    the example; empty where it does not say.
    """

    example_id: str
    texts: tuple[str, ...]
    spans: tuple[Span, ...]
    word: str
    label: str = ""
    scores: tuple[float, ...] = ()
    part: Part = ""
    group: str = ""

    @property
    def unit(self) -> str:
        """What belongs together: the group, or the word."""
        return self.group or self.word

    def __post_init__(self) -> None:
        for text, (start, end) in zip(self.texts, self.spans, strict=True):
            if not 0 <= start < end <= len(text):
                raise HarnessError(
                    f"example {self.example_id}: the span {start}:{end} lies outside its text of {len(text)} "
                    f"characters: {text[:60]!r}; correct the data"
                )


@dataclass(frozen=True, kw_only=True)
class WordSet:
    """A parsed data set. `oddities` counts what is unusual in its files, by what it is and what was done with it."""

    examples: tuple[WordExample, ...]
    oddities: Mapping[str, int] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """The oddities in a line; empty if there is none."""
        return "; ".join(f"{count} {what}" for what, count in self.oddities.items() if count)


def blank_spans(text: str) -> list[Span]:
    """Spans of the pieces of `text` between single blanks, empty pieces too: what the data sets' word indices count.

    >>> blank_spans("a  dog")
    [(0, 1), (2, 2), (3, 6)]
    """
    spans, start = [], 0
    for piece in text.split(" "):
        spans.append((start, start + len(piece)))
        start += len(piece) + 1
    return spans


def repeats(examples: tuple[WordExample, ...]) -> int:
    """How many examples repeat an earlier one: the same texts, spans and gold answer."""
    return len(examples) - len({(e.texts, e.spans, e.label, e.scores) for e in examples})
