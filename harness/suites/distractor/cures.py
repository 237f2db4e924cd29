"""Cures of a distracted text that need an oracle: how many words the text has without its distractor.

They keep whole sentences, as near to that length as these allow and at least one, in their order; truncation alone cuts
one. The cures without an oracle, which a card can name, are those of harness.rereading.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.outcomes import content_id
from harness.rereading import Embed, likeness
from harness.sentences import split_sentences


def words(text: str) -> int:
    """The length of a text in words, which is the same for every tokenizer.

    >>> words("It rained. Did it?")
    4
    """
    return len(text.split())


def truncate(text: str, length: int) -> str:
    """The first `length` words.

    >>> truncate("It rained. Did it?", 3)
    'It rained. Did'
    """
    return " ".join(text.split()[:length])


def random_extract(text: str, length: int) -> str:
    """Sentences drawn by chance: the control of `extract`. The same text gives the same draw."""
    found = split_sentences(text)
    order = list(range(len(found)))
    random.Random(f"random extract:{content_id(text)}").shuffle(order)
    return _keep(found, order, length)


def extract(texts: Sequence[str], lengths: Sequence[int], embed: Embed) -> list[str]:
    """The sentences whose mean cosine with the text's other sentences is highest.

    Equal ones are drawn by chance, which is so wherever a text has two sentences.
    """
    parted = [split_sentences(text) for text in texts]
    made = []
    for text, found, length, alike_S in zip(texts, parted, lengths, likeness(parted, embed), strict=True):
        if len(found) < 2:
            made.append(text)
            continue
        rng = random.Random(f"extract:{content_id(text)}")
        drawn = [rng.random() for _ in found]
        order = sorted(range(len(found)), key=lambda place: (-alike_S[place], drawn[place]))
        made.append(_keep(found, order, length))
    return made


def _keep(found: Sequence[str], order: Sequence[int], length: int) -> str:
    """The sentences of `order` until the sum of their words is as near to `length` as it gets, in the text's order."""
    kept: list[int] = []
    total = 0
    for place in order:
        more = total + words(found[place])
        if kept and abs(more - length) >= abs(total - length):
            break
        kept.append(place)
        total = more
    return " ".join(found[place] for place in sorted(kept))
