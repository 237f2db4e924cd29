"""What a distractor costs a variant, and what each cure gets back of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.compare.distractors.paired import PairedRows
from harness.stats.estimate import Interval
from harness.suites.distractor import CLEAN, DIRTY, ROWS


@dataclass(frozen=True, kw_only=True)
class DistractorRow:
    """A row of a system under a condition; scores are means over its seeds, in the unit that is stored.

    `score` has its interval, `gain` is the row less the dirty one (of the dirty row: less the clean one), `recovery`
    is gain over clean less dirty, None where it is not certain that the distractor costs anything. `beyond` is the gain
    less that of the system it is set against, None where that has no such row or is the system itself.
    """

    base: str
    variant: str
    task: str
    metric: str
    condition: str
    row: str
    n_examples: int
    seeds: tuple[int | None, ...]
    score: float
    interval: Interval | None
    gain: float
    gain_interval: Interval | None
    recovery: float | None
    recovery_interval: Interval | None
    beyond: float | None = None
    beyond_interval: Interval | None = None

    @property
    def is_cure(self) -> bool:
        """Whether something was done against the distractor."""
        return self.row not in (CLEAN, DIRTY)


def rows_of(found: PairedRows, *, against: str) -> Iterator[DistractorRow]:
    """The rows of every variant that has both a clean and a dirty one, each variant's in the order of the suite."""
    for variant, row in sorted(found.weights, key=lambda key: ROWS.index(key[1])):
        if not found.has(variant):
            continue
        ratio = found.recovery(variant, row)
        other = None
        if variant != against and found.has(against, (row, DIRTY, CLEAN)):
            other = found.estimate(found.gain(variant, row) - found.gain(against, row))
        score, interval = found.estimate(found.weights[variant, row])
        cure = row not in (CLEAN, DIRTY)
        yield DistractorRow(
            base=found.base,
            variant=variant,
            task=found.task,
            metric=found.metric,
            condition=found.condition,
            row=row,
            n_examples=found.table.n_examples,
            seeds=found.seeds[variant, row],
            score=score,
            interval=interval,
            gain=ratio.numerator[0],
            gain_interval=ratio.numerator[1],
            recovery=ratio.value if cure else None,
            recovery_interval=ratio.interval if cure else None,
            beyond=other[0] if other else None,
            beyond_interval=other[1] if other else None,
        )
