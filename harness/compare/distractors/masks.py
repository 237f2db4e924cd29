"""The declared question: does the mask make a distractor weigh more or less, and a cure work better or worse?

Two variants that differ in their mask are those of a row of the declared table mask × training, or such two with the
same cure in their cards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.contrasts import MaskRow
from harness.compare.distractors.paired import PairedRows, Weights
from harness.stats.estimate import Interval
from harness.suites.distractor import CLEAN, DIRTY, ROWS


@dataclass(frozen=True, kw_only=True)
class MaskDifference:
    """The change of a row under both masks, and the bidirectional one less the causal one.

    The change of the dirty row is less the clean one, that of a cure less the dirty row. Where the cure is in the card
    of both variants, `in_card`, it is the dirty score less that of the variant without the cure. Changes are means over
    seeds, in the unit that is stored.
    """

    base: str
    task: str
    metric: str
    condition: str
    training: str
    causal: str
    bidirectional: str
    row: str
    in_card: bool
    causal_change: float
    causal_interval: Interval | None
    bidirectional_change: float
    bidirectional_interval: Interval | None
    difference: float
    interval: Interval | None

    @property
    def variants(self) -> tuple[str, str]:
        """Both variants, the causal one first."""
        return (self.causal, self.bidirectional)

    @property
    def side(self) -> int:
        """1 or -1 where all of the interval is above or below 0; 0 where it holds 0 or there is none."""
        if self.interval is None or self.interval.low <= 0 <= self.interval.high:
            return 0
        return 1 if self.difference > 0 else -1


def mask_differences(
    found: PairedRows, grid: Sequence[MaskRow], plain: Mapping[str, str], cures: Mapping[str, str]
) -> Iterator[MaskDifference]:
    """The differences of every pair of `grid`; `plain` and `cures` are by variant with a cure of its own."""
    for each in grid:
        for row in ROWS:
            if row != CLEAN and all(found.has(variant, (row, CLEAN, DIRTY)) for variant in each.masks):
                changes = [found.gain(variant, row) for variant in each.masks]
                yield _difference(found, each, each.masks, row, changes)
        for causal, bidirectional in _with_one_cure(each, plain, cures):
            names = (causal, bidirectional)
            if all(found.has(name, [DIRTY]) for name in (*names, *each.masks)):
                changes = [found.weights[name, DIRTY] - found.weights[plain[name], DIRTY] for name in names]
                yield _difference(found, each, names, cures[causal], changes, in_card=True)


def _with_one_cure(each: MaskRow, plain: Mapping[str, str], cures: Mapping[str, str]) -> list[tuple[str, str]]:
    of = {mask: [name for name, without in plain.items() if without == mask] for mask in each.masks}
    return [(a, b) for a in of[each.causal] for b in of[each.bidirectional] if cures[a] == cures[b]]


def _difference(
    found: PairedRows,
    of: MaskRow,
    names: tuple[str, str],
    row: str,
    changes: Sequence[Weights],
    *,
    in_card: bool = False,
) -> MaskDifference:
    causal, bidirectional = map(found.estimate, changes)
    value, interval = found.estimate(changes[1] - changes[0])
    return MaskDifference(
        base=found.base,
        task=found.task,
        metric=found.metric,
        condition=found.condition,
        training=of.training,
        causal=names[0],
        bidirectional=names[1],
        row=row,
        in_card=in_card,
        causal_change=causal[0],
        causal_interval=causal[1],
        bidirectional_change=bidirectional[0],
        bidirectional_interval=bidirectional[1],
        difference=value,
        interval=interval,
    )
