"""The lengths of texts, longest first ─▶ how many of them each forward pass takes."""

from __future__ import annotations

import numpy as np

# On a CPU the passes of a reading are a multiple of so many, equally long, so that cores side by side end together. Not
# the number of cores: the same texts are to stand together on every machine, or rounding would differ.
SIDE_BY_SIDE = 4
_LEAST_TOKENS = 256  # of a pass that is cut smaller for that


def padded_sizes(lengths: np.ndarray, tokens: int) -> list[int]:
    """Texts of each pass that holds up to `tokens` with its padding; at least one text."""
    sizes: list[int] = []
    while (first := sum(sizes)) < len(lengths):
        sizes.append(min(max(1, tokens // int(lengths[first])), len(lengths) - first))
    return sizes


def packed_sizes(lengths: np.ndarray, tokens: int, *, side_by_side: int = 1) -> list[int]:
    """Texts of each pass that holds up to `tokens`, and nearly as many as every other; at least one text.

    The passes are the fewest that hold all, or on to a multiple of `side_by_side` (of less, where passes became short).
    """
    ends = lengths.cumsum()
    total = int(ends[-1])
    while side_by_side > 1 and total < side_by_side * _LEAST_TOKENS:
        side_by_side //= 2
    passes = -(-total // (tokens * side_by_side)) * side_by_side
    share = (ends - lengths / 2) // (total / passes)  # the pass that the middle of a text falls into
    sizes: list[int] = []
    first = 0
    while first < len(lengths):
        due = int(np.searchsorted(share, share[first], side="right"))
        held = int(np.searchsorted(ends, ends[first] - lengths[first] + tokens, side="right"))
        sizes.append(max(1, min(due, held) - first))
        first += sizes[-1]
    return sizes
