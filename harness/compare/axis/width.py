"""Systems that were read at another width (`VARIANT@width=64`), in place of those that were read as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.cards import READ_WITH
from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.facts import BaseFacts
from harness.compare.entries import Entry
from harness.errors import HarnessError

_FIELD = f"{READ_WITH}width="


def name_at(variant: str, width: int | None) -> str:
    """What `variant` is called where it is read at `width`; None: as it is."""
    return variant if width is None else f"{variant}{_FIELD}{width}"


def entries_at(entries: Sequence[Entry], width: int | None) -> list[Entry]:
    """Return those of `entries` that were read at `width`, called as the same variants without it."""
    if width is None:
        return [entry for entry in entries if not entry.read_otherwise]
    ending = name_at("", width)
    found = [entry for entry in entries if entry.read_otherwise and entry.variant.endswith(ending)]
    named = [replace(entry, variant=entry.variant.removesuffix(ending)) for entry in found]
    return [entry for entry in named if READ_WITH not in entry.variant]


def widths_of(axis: BaseAxis, entries: Sequence[Entry]) -> list[int]:
    """Return the widths at which something was read on two levels of `axis` or more, the smallest first."""
    ends = [(entry.base, entry.variant.rpartition(_FIELD)[2]) for entry in entries if _FIELD in entry.variant]
    widths = sorted({int(end) for _, end in ends if end.isdecimal()})
    on = {width: {entry.base for entry in entries_at(entries, width)} for width in widths}
    return [width for width in widths if sum(bool(on[width] & {*level.bases}) for level in axis.levels) > 1]


def smallest_width(facts: Sequence[BaseFacts]) -> int | None:
    """Return the width of the narrowest base; None if that of one is not known."""
    widths = [each.width for each in facts]
    return None if None in widths else min(width for width in widths if width is not None)


def require_measured(
    axis: BaseAxis, width: int, *, entries: Sequence[Entry], facts: Sequence[BaseFacts], asked: Sequence[str]
) -> None:
    """Raise HarnessError where no system of `asked`, the variants of the steps, was read at `width` on `axis`."""
    narrow = [each for each in facts if each.width is not None and each.width < width]
    if narrow:
        least = min(narrow, key=lambda each: each.width or 0)
        raise HarnessError(
            f"{least.base} has vectors of {least.width} numbers, so the axis {axis.name} cannot be read at width "
            f"{width}; give --width {least.width} or less"
        )
    here = [entry for entry in entries if entry.base in axis.bases]
    if any(entry.variant in asked for entry in entries_at(here, width)):
        return
    plain = {entry.variant for entry in here}
    named = " ".join(f"--variant {name_at(name, width)}" for name in asked if name in plain)
    raise HarnessError(
        f"nothing on the axis {axis.name} was read at width {width}; measure it with `harness run {named} --base BASE` "
        f"on each base ({', '.join(axis.bases)})"
    )
