"""Cures that read a text anew before it becomes a vector: what is left of it without what seems irrelevant.

System 2 Attention (Weston and Sukhbaatar 2023, arXiv 2311.11829) lets a language model write a text anew; the other
cures choose among its own sentences and make up nothing. None of them needs to know how the text was before something
was added to it. A new cure is one entry of CURES. Importing this file imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.sentences import split_sentences

_WORD = re.compile(r"\w+")
_SAME = 0.9  # of all words of two sentences stand in both: then they are near duplicates
_DIGITS = 6  # to which two similarities are told apart

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts ─▶ (N, D)
Nats = Callable[[Sequence[str]], NDArray[np.float64]]  # texts ─▶ what a language model loses on each, (N,)


class CureReader(Protocol):
    """The system that a cure reads and writes with."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts` as they stand, (N, D)."""

    def nats(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """What the language model loses on each text, (N,)."""

    def write_anew(self, texts: Sequence[str]) -> list[str]:
        """What the base, an instruction model, writes for each text."""


@dataclass(frozen=True, kw_only=True)
class Cure:
    """One way to read a text anew. `keeps` says what is left of it; `writes`: an instruction model writes that."""

    keeps: str
    make: Callable[[Sequence[str], CureReader], list[str]]
    writes: bool = False


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


def likeness(parted: Sequence[Sequence[str]], embed: Embed) -> list[NDArray[np.float64]]:
    """For each text, by its sentences: the mean cosine of each sentence with the others, (S,); 1 for one alone."""
    every = list(dict.fromkeys(each for found in parted if len(found) > 1 for each in found))
    row = {each: number for number, each in enumerate(every)}
    if every:
        read_ND = np.asarray(embed(every), dtype=np.float64)
        read_ND /= np.linalg.norm(read_ND, axis=1, keepdims=True).clip(min=1e-12)
    made = []
    for found in parted:
        if len(found) < 2:
            made.append(np.ones(len(found)))
            continue
        own_SD = read_ND[[row[each] for each in found]]
        made.append(((own_SD @ own_SD.sum(axis=0) - 1) / (len(found) - 1)).round(_DIGITS))
    return made


def extract(texts: Sequence[str], embed: Embed) -> list[str]:
    """The sentences that are as near to the text's other sentences as its average sentence, or nearer.

    Near is the mean cosine. Of two sentences both are equally near, so that a text of two stays whole.
    """
    parted = [split_sentences(text) for text in texts]
    return [
        text if len(found) < 3 else " ".join(np.array(found, dtype=object)[alike_S >= alike_S.mean().round(_DIGITS)])
        for text, found, alike_S in zip(texts, parted, likeness(parted, embed), strict=True)
    ]


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


CURES: Mapping[str, Cure] = MappingProxyType(
    {
        "deduplicate": Cure(
            keeps="no sentence that an earlier one says in nearly the same words",
            make=lambda texts, _: list(map(deduplicate, texts)),
        ),
        "extract": Cure(
            keeps="the sentences that are as near to the text's others as its average sentence, or nearer",
            make=lambda texts, system: extract(texts, system.embed),
        ),
        "score-and-drop": Cure(
            keeps="no sentence that the language model reads the rest better without",
            make=lambda texts, system: score_and_drop(texts, system.nats),
        ),
        "regenerate": Cure(
            keeps="what the base, an instruction model, copies as the sentences on the text's main subject",
            make=lambda texts, system: system.write_anew(texts),
            writes=True,
        ),
    }
)
