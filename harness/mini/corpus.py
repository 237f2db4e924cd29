"""The texts of the mini base: what it is pretrained on and what each adaptation stage reads.

All functions are deterministic in `seed`, and the streams of two functions differ for the same seed.
No text of any of them occurs in the suite: one sentence in five is reserved (harness.mini.grammar.is_reserved).
`held_out_documents` are made of what is reserved, and are for measuring only.
"""

from __future__ import annotations

import hashlib
import random
from functools import cache
from itertools import chain, islice

from harness.mini import grammar
from harness.mini.documents import write_documents
from harness.mini.lexicon import LEXICON_FILE, load_lexicon
from harness.mini.triplets import write_triplets


def pretraining_documents(seed: int, n: int) -> list[str]:
    """`n` documents of one to seven sentences, all topics, both sides' words: a base has seen every word."""
    return _documents("pretraining", seed, n)


def mntp_documents(seed: int, n: int) -> list[str]:
    """`n` documents of the same kind as the pretraining ones, for masked next-token prediction."""
    return _documents("mntp", seed, n)


def sentences(seed: int, n: int) -> list[str]:
    """`n` distinct single sentences of all topics, without labels, for unsupervised SimCSE."""
    documents = write_documents(load_lexicon(), random.Random(f"sentences:{seed}"))
    stream = chain.from_iterable(documents)
    distinct: dict[str, None] = {}
    for sentence in stream:
        distinct[sentence] = None
        if len(distinct) == n:
            return list(distinct)
    raise AssertionError("the stream has no end")


def held_out_documents(seed: int, n: int) -> list[str]:
    """`n` documents of the pretraining kind of which no passage can stand in any training text."""
    documents = write_documents(load_lexicon(), random.Random(f"held out:{seed}"), held_out=True)
    return [" ".join(sentences) for sentences in islice(documents, n)]


def triplets(seed: int, n: int) -> list[tuple[str, str, str]]:
    """`n` (anchor, positive, hard negative) of training topics, words and templates only."""
    return list(islice(write_triplets(load_lexicon(), random.Random(f"triplets:{seed}")), n))


@cache
def data_version() -> str:
    """A sha256 over the lexicon and the generator's version: two equal versions give equal texts."""
    digest = hashlib.sha256(LEXICON_FILE.read_bytes())
    digest.update(f"generator {grammar.GENERATOR_VERSION}".encode())
    return digest.hexdigest()


def _documents(stream: str, seed: int, n: int) -> list[str]:
    documents = write_documents(load_lexicon(), random.Random(f"{stream}:{seed}"))
    return [" ".join(sentences) for sentences in islice(documents, n)]
