"""Cures of a distracted text: what is left of it when what seems irrelevant is taken out. Text in, text out.

System 2 Attention (Weston and Sukhbaatar 2023, arXiv 2311.11829) lets a language model write the text anew
(harness.suites.distractor.rewriting). The cures of this file choose among the text's own sentences and make up
nothing. Those that need a length (in words) keep whole sentences, as near to it as these allow and at least one, in
their order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.outcomes import content_id
from harness.suites.sentences import split_sentences

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts ─▶ (N, D)
Nats = Callable[[Sequence[str]], NDArray[np.float64]]  # texts ─▶ what a language model loses on each, (N,)

_WORD = re.compile(r"\w+")
_SAME = 0.9  # of all words of two sentences stand in both: then they are near duplicates
_TIE = 6  # digits to which two similarities are told apart


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
    every = list(dict.fromkeys(each for found in parted if len(found) > 1 for each in found))
    if not every:
        return list(texts)
    read_ND = np.asarray(embed(every), dtype=np.float64)
    read_ND /= np.linalg.norm(read_ND, axis=1, keepdims=True).clip(min=1e-12)
    row = {each: number for number, each in enumerate(every)}
    made = []
    for text, found, length in zip(texts, parted, lengths, strict=True):
        if len(found) < 2:
            made.append(text)
            continue
        own_SD = read_ND[[row[each] for each in found]]
        alike_S = (own_SD @ own_SD.sum(axis=0) - 1) / (len(found) - 1)
        rng = random.Random(f"extract:{content_id(text)}")
        drawn = [rng.random() for _ in found]
        order = sorted(range(len(found)), key=lambda place: (-round(float(alike_S[place]), _TIE), drawn[place]))
        made.append(_keep(found, order, length))
    return made


def deduplicate(text: str) -> str:
    """The text without sentences that an earlier one says in the same words, or in nearly the same.

    >>> deduplicate("It rained. It rained! The sun shone.")
    'It rained. The sun shone.'
    """
    kept: list[str] = []
    seen: list[frozenset[str]] = []
    for sentence in split_sentences(text):
        said = frozenset(_WORD.findall(sentence.casefold()))
        if any(len(said & each) >= _SAME * len(said | each) for each in seen):
            continue
        kept.append(sentence)
        seen.append(said)
    return " ".join(kept)


def score_and_drop(texts: Sequence[str], nats: Nats) -> list[str]:
    """The text without each sentence that a language model reads the rest better without.

    A sentence stands in front of the rest for this: the loss on both less the loss on the sentence alone is what the
    rest costs behind it (the chain rule). It goes where the rest alone costs less. Where every sentence would go the
    text stays as it is: nothing says then which one belongs to it.
    """
    asked: list[str] = []
    parted = [split_sentences(text) for text in texts]
    for found in parted:
        if len(found) > 1:
            for place, sentence in enumerate(found):
                rest = " ".join(found[:place] + found[place + 1 :])
                asked += [f"{sentence} {rest}", sentence, rest]
    every = list(dict.fromkeys(asked))
    lost = dict(zip(every, nats(every), strict=True)) if every else {}
    made = []
    for text, found in zip(texts, parted, strict=True):
        if len(found) < 2:
            made.append(text)
            continue
        helps = []
        for place, sentence in enumerate(found):
            rest = " ".join(found[:place] + found[place + 1 :])
            helps.append(lost[rest] - (lost[f"{sentence} {rest}"] - lost[sentence]))
        kept = [sentence for sentence, help_ in zip(found, helps, strict=True) if help_ >= 0]
        made.append(" ".join(kept or found))
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
