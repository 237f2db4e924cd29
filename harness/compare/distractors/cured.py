"""Variants that read every text through a cure of their own, beside the same variants without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.distractors.paired import PairedRows
from harness.compare.entries import Entry
from harness.stats.estimate import Interval
from harness.suites.distractor import CLEAN, DIRTY


@dataclass(frozen=True, kw_only=True)
class CuredRow:
    """A variant that reads every text through a cure, beside the same variant without it, which is called `plain`.

    A cure that harms clean texts makes dirty less clean small and gains nothing: so each score is set against `plain`.
    `harm` is clean less the plain clean score, `gain` dirty less the plain dirty one, `lost` dirty less the plain clean
    one. Scores are means over seeds, in the unit that is stored.
    """

    base: str
    variant: str
    plain: str
    task: str
    metric: str
    condition: str
    clean: float
    dirty: float
    plain_clean: float
    plain_dirty: float
    harm: float
    harm_interval: Interval | None
    gain: float
    gain_interval: Interval | None
    lost: float
    lost_interval: Interval | None


def cure_of(entry: Entry) -> str:
    """The cure that a variant reads every text through; empty if there is none."""
    return str(entry.systems[0].recipe.fields.get("reread") or "")


def plain_of(entries: Sequence[Entry]) -> dict[str, str]:
    """For each variant with a cure of its own: the one whose recipe differs in nothing else."""

    def recipe(entry: Entry) -> dict[str, object]:
        return {name: value for name, value in entry.systems[0].recipe.fields.items() if name != "reread"}

    variants = [entry for entry in entries if entry.kind == "variant"]
    return {
        entry.variant: other.variant
        for entry in variants
        for other in variants
        if cure_of(entry) and not cure_of(other) and recipe(entry) == recipe(other)
    }


def cured_rows(found: PairedRows, plain: Mapping[str, str]) -> Iterator[CuredRow]:
    """The rows of the variants of `plain` that have both scores, and so has the variant without the cure."""
    for variant, without in plain.items():
        if not (found.has(variant) and found.has(without)):
            continue
        clean, dirty, plain_clean, plain_dirty = (
            found.weights[name, row] for name in (variant, without) for row in (CLEAN, DIRTY)
        )
        harm, gain, lost = map(found.estimate, (clean - plain_clean, dirty - plain_dirty, dirty - plain_clean))
        yield CuredRow(
            base=found.base,
            variant=variant,
            plain=without,
            task=found.task,
            metric=found.metric,
            condition=found.condition,
            clean=found.estimate(clean)[0],
            dirty=found.estimate(dirty)[0],
            plain_clean=found.estimate(plain_clean)[0],
            plain_dirty=found.estimate(plain_dirty)[0],
            harm=harm[0],
            harm_interval=harm[1],
            gain=gain[0],
            gain_interval=gain[1],
            lost=lost[0],
            lost_interval=lost[1],
        )
