"""What the bases of an axis are: their sizes, how well they predict text, and how long they take to be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.bases import size_of
from harness.compare.axis.declared import BaseAxis, base_folder
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry
from harness.errors import HarnessError
from harness.mini.facts import read_facts

EQUAL = 0.01  # sizes within this share of the smallest are equal
EQUAL_LOSS = 0.02  # bits a byte within this share of the lowest are equal
_BITS = "bits_per_byte"


@dataclass(frozen=True, kw_only=True)
class BaseFacts:
    """A base on its level; what is not known is None.

    `parameters` are those without the embedding, `bits_per_byte` is of the causal base, `seconds` is how long the
    causal base took on the tasks that it has in common with all bases of the axis. Of a base that harness pretrained
    `pretraining_tokens` are those read, and `pretraining_bits` are bits a byte on held-out documents of that corpus.
    """

    level: str
    base: str
    layers: int | None
    width: int | None
    parameters: int | None
    bits_per_byte: float | None
    seconds: float | None
    pretraining_tokens: int | None
    pretraining_bits: float | None


def facts_of(axis: BaseAxis, entries: Sequence[Entry], scores: pd.DataFrame) -> tuple[BaseFacts, ...]:
    """Return what is known of the bases of `axis`: from their files, if they are there, and from `scores`."""
    root = declared_contrasts().root
    system = {s.system_id: e.base for e in entries if e.variant == root and e.base in axis.bases for s in e.systems}
    rows = scores[scores["system_id"].isin(system)]
    rows = rows.assign(of=rows["system_id"].map(system))
    counts = rows.groupby("task")["of"].nunique()
    shared = rows[rows["task"].isin(counts[counts == len(axis.bases)].index)]
    seconds = shared.groupby("of")["seconds"].sum()
    bits = rows[rows["metric"] == _BITS].groupby("of")["score"].mean()
    found = []
    for level in axis.levels:
        for base in level.bases:
            folder = base_folder(entries, base)
            size = None if folder is None else size_of(folder)
            tokens, pretraining_bits = (None, None) if folder is None else _pretraining(folder)
            found.append(
                BaseFacts(
                    level=level.name,
                    base=base,
                    layers=None if size is None else size.layers,
                    width=None if size is None else size.width,
                    parameters=None if size is None else size.body,
                    bits_per_byte=float(bits[base]) if base in bits else None,
                    seconds=float(seconds[base]) if base in seconds else None,
                    pretraining_tokens=tokens,
                    pretraining_bits=pretraining_bits,
                )
            )
    return tuple(found)


def _pretraining(folder: Path) -> tuple[int | None, float | None]:
    """Tokens and bits a byte of a base that harness pretrained; a damaged file of facts says nothing."""
    try:
        found = read_facts(folder)
    except HarnessError:
        return None, None
    if found is None:
        return None, None
    bits = found.bits_per_byte
    known = isinstance(bits, int | float) and not isinstance(bits, bool) and math.isfinite(bits)
    return _whole(found.tokens), float(bits) if known else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def sizes(axis: BaseAxis, facts: Sequence[BaseFacts]) -> str:
    """Return a sentence if the bases are not of one size, or if that is not known; else an empty one.

    Raises HarnessError if `axis` claims that they are, and they are not.
    """
    known = {each.base: each.parameters for each in facts if each.parameters is not None}
    if not known:
        return "The sizes of the bases are not known, because their files are not where they were measured."
    small, large = min(known, key=lambda base: known[base]), max(known, key=lambda base: known[base])
    if known[large] > (1 + EQUAL) * known[small]:
        said = (
            f"{small} has {known[small]:,} parameters without the embedding, {large} has {known[large]:,} "
            f"({known[large] / known[small] - 1:.0%} more)"
        )
        if axis.equal_size:
            raise HarnessError(
                f"the axis {axis.name} claims bases of equal size (equal_size), but {said}; give bases within "
                f"{EQUAL:.0%}, or take equal_size out"
            )
        return f"The bases are of unequal size: {said}. A difference along this axis can come from size alone."
    unknown = [each.base for each in facts if each.parameters is None]
    return f"The size of {', '.join(unknown)} is not known: the files are not there." if unknown else ""


def losses(facts: Sequence[BaseFacts]) -> str:
    """Return a sentence if the levels do not predict text equally well; an empty one if they do or it is not known.

    What counts is the mean over the bases of a level: of bits a byte after pretraining where all bases were pretrained
    here, else of those that the retention suite measured.
    """
    for of, said in (
        ("pretraining_bits", "after pretraining"),
        ("bits_per_byte", "on the texts of the retention suite"),
    ):
        found = pd.Series([getattr(each, of) for each in facts], dtype=float)
        if found.isna().any():
            continue
        means = found.groupby([each.level for each in facts]).mean()
        best, worst = str(means.idxmin()), str(means.idxmax())
        more = means[worst] / means[best] - 1
        if more <= EQUAL_LOSS:
            return ""
        return (
            f"The levels are language models of unequal loss: {best} has {means[best]:.3f} bits a byte {said}, {worst} "
            f"has {means[worst]:.3f} ({more:.0%} more). A difference along this axis can come from that alone."
        )
    return ""
