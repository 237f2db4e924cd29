"""Compact letter display: systems that share a letter have not been shown to differ.

Insert and absorb (Piepho 2004, J. Computational and Graphical Statistics 13(2), 456-466, section 3): start
from one letter for all; for each difference split the letters that hold both; drop what another contains.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.errors import HarnessError

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def compact_letters(different: ArrayLike, *, order: Sequence[int] | None = None) -> list[str]:
    """Return the letters of each system; `different` (n, n) is true where two were shown to differ.

    `order` lists systems best first (0..n-1 if not given): letter a goes to the group of the best. Beyond 52
    groups letters are numbered ("a1"). Raises HarnessError for a table that is not square.
    """
    table = np.asarray(different, dtype=bool)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise HarnessError(f"pairwise results need a square table, got {table.shape}")
    table = table | table.T
    n = len(table)
    place = list(range(n)) if order is None else list(order)
    groups: list[frozenset[int]] = [frozenset(range(n))] if n else []
    for i, j in np.argwhere(np.triu(table)):
        split: list[frozenset[int]] = []
        for group in groups:
            split += [group - {int(i)}, group - {int(j)}] if {i, j} <= group else [group]
        groups = _absorb(split)
    rank = {system: r for r, system in enumerate(place)}
    groups.sort(key=lambda group: sorted(rank[system] for system in group))
    names = [_ALPHABET[g % 52] + (str(g // 52) if g >= 52 else "") for g in range(len(groups))]
    return ["".join(name for name, group in zip(names, groups, strict=True) if i in group) for i in range(n)]


def _absorb(groups: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Drop groups that another one contains."""
    unique = list(dict.fromkeys(groups))
    return [group for group in unique if group and not any(group < other for other in unique)]
