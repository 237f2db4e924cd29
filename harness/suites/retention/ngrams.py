"""How much a continuation says again: n-grams of token ids, within one continuation."""

from __future__ import annotations

from collections.abc import Sequence


def ngram_counts(tokens: Sequence[int], n: int) -> tuple[int, int]:
    """How many n-grams `tokens` has, and how many distinct ones among them.

    distinct-n is the second over the first (Li et al. 2016, here within one text); one minus that is seq-rep-n
    (Welleck et al. 2020, section 6.1).

    >>> ngram_counts([1, 2, 1, 2, 1], 2)
    (4, 2)
    """
    found = list(zip(*(tokens[start:] for start in range(n)), strict=False))
    return len(found), len(set(found))
