"""Spans that the tags of a sentence's words mark: B- begins one, I- goes on, E- ends it, S- is one word; O is none.

A span begins too where I- or E- follows another kind or nothing, as conlleval counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_KINDS = ("B-", "I-", "E-", "S-")


def marks_spans(tags: Iterable[str]) -> bool:
    """Whether tags mark spans: each is O or begins as B-, and one begins.

    >>> marks_spans(["O", "B-PER", "I-PER"]), marks_spans(["NN", "O"])
    (True, False)
    """
    found = set(tags)
    return all(tag == "O" or tag.startswith(_KINDS) for tag in found) and any(tag.startswith(_KINDS) for tag in found)


def spans_of(tags: Sequence[str]) -> list[str]:
    """The spans of a sentence's tags, as FIRST-BEHIND_THE_LAST:KIND.

    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    ['0-2:PER', '3-4:LOC', '4-5:LOC']
    """
    found: list[tuple[int, int, str]] = []
    before = "O"
    for place, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        open_ = found and found[-1][1] == place and found[-1][2] == kind and before[:1] in ("B", "I")
        if tag != "O" and open_ and mark in ("I", "E"):
            found[-1] = (found[-1][0], place + 1, kind)
        elif tag != "O":
            found.append((place, place + 1, kind))
        before = tag
    return [f"{first}-{end}:{kind}" for first, end, kind in found]
