"""The same text in training and evaluation: whole texts, compared by their words.

Two texts are the same if their words are, in order: Unicode NFC, case folded, everything that is no letter, digit or
underscore taken as a gap. Punctuation has to go because public copies of one task differ in it (the hub's STS14 has
"a dog on a couch ." where others have "a dog on a couch."). A sentence inside a longer document is not found.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_GAP = re.compile(r"[\W]+")


def normalised(text: str) -> str:
    """The words of `text`, case folded, one blank between them; empty if it has none.

    >>> normalised("  A  Dog ran, fast!")
    'a dog ran fast'
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _GAP.sub(" ", folded).strip()


def text_hashes(texts: Iterable[str]) -> Hashes:
    """Sorted distinct 64-bit hashes (BLAKE2b) of the normalised `texts`, (N,) uint64; texts without a word are left
    out.

    Among a million training texts and ten thousand of a task, two different ones share a hash with a probability of
    5e-10.
    """
    words = {normalised(text) for text in texts} - {""}
    digests = b"".join(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest() for text in words)
    return np.unique(np.frombuffer(digests, dtype="<u8").astype(np.uint64))


def count_shared(texts: Hashes, among: Hashes) -> int:
    """How many of the distinct `texts` stand in `among` too."""
    return int(np.isin(texts, among).sum())
