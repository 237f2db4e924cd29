"""Distractors in words: the answer to the declared question, a recovery, what the gate asks. Nothing is tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from harness.compare.distractors.losses import DistractorRow
from harness.compare.distractors.masks import MaskDifference
from harness.metrics import get_metric
from harness.stats.estimate import Interval
from harness.suites.distractor import DIRTY, GATE

UNCERTAIN = "no certain loss"


def mask_sentences(found: Sequence[MaskDifference]) -> list[str]:
    """The answers to the declared question, of one task under one condition: what a distractor weighs, what cures do.

    "The bidirectional mask makes the distractor weigh less: dirty less clean is -8.2 (-18.2 to +1.9) for `bidir` and
    -25.5 (-38.1 to -12.9) for `causal`, a difference of +17.3 (+7.4 to +27.2) points."
    """
    said = []
    for _, group in groupby(found, key=lambda each: (each.training, each.in_card, each.row == DIRTY)):
        several = list(group)
        first = several[0]
        if first.row == DIRTY:
            said += [_weight(each) for each in several]
        elif first.in_card:
            said += [_in_card(each) for each in several]
        else:
            said.append(_cures(several))
    return said


def _weight(found: MaskDifference) -> str:
    lead = {
        1: "The bidirectional mask makes the distractor weigh less",
        -1: "The bidirectional mask makes the distractor weigh more",
        0: "It is undecided whether the bidirectional mask makes the distractor weigh more or less",
    }[found.side]
    return f"{lead}: dirty less clean is {_both(found)}."


def _in_card(found: MaskDifference) -> str:
    return f"The cure {found.row} in the card changes the score on dirty texts by {_both(found)}: {_favour(found)}."


def _cures(found: Sequence[MaskDifference]) -> str:
    decided = [
        f"{each.row} {written_change(each.difference, each.interval, each.metric)} {_favour(each)}"
        for each in found
        if each.side
    ]
    undecided = [each.row for each in found if not each.side]
    parts = [", ".join(decided)] if decided else []
    parts += [f"undecided for {_listed(undecided)}"] if undecided else []
    return f"Cures, the change for `{found[0].bidirectional}` less that for `{found[0].causal}`: {'; '.join(parts)}."


def _favour(found: MaskDifference) -> str:
    return {1: "in favour of the bidirectional mask", -1: "in favour of the causal mask", 0: "undecided"}[found.side]


def _both(found: MaskDifference) -> str:
    causal = written_change(found.causal_change, found.causal_interval, found.metric)
    bidirectional = written_change(found.bidirectional_change, found.bidirectional_interval, found.metric)
    difference = written_change(found.difference, found.interval, found.metric)
    unit = get_metric(found.metric).unit
    return (
        f"{bidirectional} for `{found.bidirectional}` and {causal} for `{found.causal}`, "
        f"a difference of {difference} {unit}"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def written_score(value: float, interval: Interval | None, metric: str) -> str:
    """A score with its interval: "15.8 (3.0 to 28.1)"."""
    return _written(get_metric(metric).write, value, interval)


def written_change(value: float, interval: Interval | None, metric: str) -> str:
    """A difference of scores with its interval: "+5.2 (-10.6 to +21.0)"."""
    return _written(get_metric(metric).write_change, value, interval)


def _written(write: Callable[[float], str], value: float, interval: Interval | None) -> str:
    return write(value) + ("" if interval is None else f" ({write(interval.low)} to {write(interval.high)})")


def written_recovery(row: DistractorRow) -> str | None:
    """A recovery with its interval: "32 % (1 to 58)"; None for a row that is no cure."""
    if not row.is_cure:
        return None
    if row.recovery is None or row.recovery_interval is None:
        return UNCERTAIN
    ends = row.recovery_interval
    return f"{100 * row.recovery:.0f} % ({100 * ends.low:.0f} to {100 * ends.high:.0f})"


def gate_sentence() -> str:
    """What the gate of regeneration asks for."""
    least, most = GATE.values()
    return f"The gate asks for {least:.0%} of the text or more and {most:.0%} of the passage or less, at around ×1."
