"""Documents ─▶ texts of a few sentences, one of which is repeated, and an unrelated sentence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.sentences import split_sentences
from harness.suites.repetition import ATTENDED, PLACES, SENTENCES, TEXTS, TIMES

LEAST_TOKENS = 4  # of a sentence
OTHERS = ATTENDED - 1  # sentences that stand in place of copies
ALIKE = 2  # times the tokens of the shortest sentence of a text that the longest may have
# Of what is read half is used, so that a system that reads a text twice reads the same texts as the others.
_MOST_READ, _COPIES, _AROUND = 512, 2, 16


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Sentences that stand in a row in document `row`, with their token ids; the one at `place` is repeated.

    `lead` stands before every text, so that a sentence has the same tokens alone and behind another one.
    """

    row: int
    sentences: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    place: int
    lead: str

    @property
    def sentence(self) -> str:
        """The one that is repeated."""
        return self.sentences[self.place]

    @property
    def sentence_ids(self) -> tuple[int, ...]:
        """Its tokens."""
        return self.ids[self.place]

    def written(self, *sentences: str) -> str:
        """Sentences as one text."""
        return self.lead + " ".join(sentences)

    def order(self, times: int) -> tuple[int, ...]:
        """Which sentences stand in the text where one stands so often: copies beside each other, at its own place."""
        return tuple(each for each in range(SENTENCES) for _ in range(times if each == self.place else 1))

    def repeated(self, times: int) -> str:
        """That text."""
        return self.written(*(self.sentences[each] for each in self.order(times)))

    def token_share(self, times: int) -> float:
        """The repeated sentence's share of the tokens of that text."""
        own = times * len(self.sentence_ids)
        return own / (own + sum(len(each) for number, each in enumerate(self.ids) if number != self.place))

    def with_unrelated(self, sentence: str) -> list[str]:
        """The text with another sentence at each of PLACES."""
        ends = dict(zip(PLACES, (0, SENTENCES // 2, SENTENCES), strict=True))
        return [self.written(*self.sentences[:end], sentence, *self.sentences[end:]) for end in ends.values()]


def choose_passages(tokenizer: Any, documents: Sequence[str], *, limit: int, text: str) -> list[Passage]:
    """One passage of each of the first documents that have one, TEXTS at most; the places to repeat take turns.

    Sentences of a passage are all different, and none has over ALIKE times the tokens of another. `limit`: the tokens
    that the base reads. `text` is what the documents are called. Raises HarnessError for too short a limit and for
    too few passages.
    """
    most = min(_MOST_READ, limit) // _COPIES - _AROUND
    if most < (SENTENCES - 1 + TIMES[-1]) * LEAST_TOKENS:
        raise HarnessError(
            f"this base reads {limit} tokens, too few for a text of {SENTENCES} sentences with one of them "
            f"{TIMES[-1]} times; leave the suite repetition out"
        )
    ways = [_passages(tokenizer, documents, lead=lead, most=most) for lead in ("", " ")]
    found = max(ways, key=len)  # the first where both have as many
    if len(found) <= OTHERS:
        raise HarnessError(
            f"{len(found)} documents of the text {text} have {SENTENCES} different sentences of like length in a row "
            f"that fit into {most} tokens with one of them {TIMES[-1]} times, and at least "
            f"{OTHERS + 1} are needed; give others"
        )
    return found


def unrelated(passages: Sequence[Passage]) -> list[tuple[Passage, ...]]:
    """For each passage OTHERS more, that stand far from it: their own sentences differ, and it has none of them."""
    found = []
    for number, passage in enumerate(passages):
        far = (passages[(number + len(passages) // 2 + step) % len(passages)] for step in range(len(passages)))
        by_sentence = {each.sentence: each for each in reversed(list(far)) if each.sentence not in passage.sentences}
        if len(by_sentence) < OTHERS:
            raise HarnessError(
                f"the documents have too few different sentences: {OTHERS} others are needed beside "
                f"{passage.sentence!r}; give others"
            )
        found.append(tuple(by_sentence.values())[::-1][:OTHERS])
    return found


def _passages(tokenizer: Any, documents: Sequence[str], *, lead: str, most: int) -> list[Passage]:
    found: list[Passage] = []
    for row, document in enumerate(documents):
        sentences = split_sentences(document)
        if len(sentences) < SENTENCES:
            continue
        ids = [tuple(each) for each in _ids(tokenizer, [lead + each for each in sentences])]
        for first in range(len(sentences) - SENTENCES + 1):
            here = slice(first, first + SENTENCES)
            passage = Passage(
                row=row,
                sentences=tuple(sentences[here]),
                ids=tuple(ids[here]),
                place=len(found) % SENTENCES,
                lead=lead,
            )
            if _suits(passage, most=most) and _is_sum(tokenizer, passage):
                found.append(passage)
                break
        if len(found) == TEXTS:
            break
    return found


def _suits(passage: Passage, *, most: int) -> bool:
    lengths = [len(each) for each in passage.ids]
    return (
        len(set(passage.sentences)) == SENTENCES
        and min(lengths) >= LEAST_TOKENS
        and max(lengths) <= ALIKE * min(lengths)
        and sum(lengths) + (TIMES[-1] - 1) * max(lengths) <= most
    )


def _is_sum(tokenizer: Any, passage: Passage) -> bool:
    """Whether the text has the tokens of its sentences, one after the other."""
    (whole,) = _ids(tokenizer, [passage.repeated(2)])
    return whole == [token for each in passage.order(2) for token in passage.ids[each]]


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    return list(tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"])
