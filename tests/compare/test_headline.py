"""The first sentence of a page holds the verdict of its own mean, whatever the tasks say one by one."""

from __future__ import annotations

from types import SimpleNamespace as Fake
from typing import Any

import pytest

from harness.compare.headline import headline, one_by_one, over_bases
from harness.compare.overall import MeanVerdict, judge_means
from harness.compare.wording import over_of


def compared(p: float | None = 0.001, *, value: float = 0.047, verdicts: str = "uuub", base: str = "a-b") -> Any:
    """A comparison of x-1 with y on as many tasks as `verdicts` has letters."""
    kinds = {"u": "undecided", "b": "better", "w": "worse", "e": "equivalent", "d": "descriptive"}
    tasks = [
        Fake(is_retention=False, verdict=kinds[v], p_adjusted=0.2, family_size=8, family_pairs=2, family_tasks=4)
        for v in verdicts
    ]
    raw = Fake(value=value, p=p, interval=Fake(low=value - 0.01, high=value + 0.01))
    variant, against = Fake(variant="x-1", base=base), Fake(variant="y", base=base)
    across = Fake(raw=raw, n_tasks=len(tasks))
    return Fake(variant=variant, against=against, alpha=0.05, tasks=tasks, across=across, family="declared")


@pytest.mark.parametrize(
    ("p", "value", "said"),
    [
        (0.001, 0.047, "On base a-b, x-1 is better than y: +4.7 points on average over 4 tasks (95 % interval +3.7"),
        (0.001, -0.047, "On base a-b, x-1 is worse than y: −4.7 points on average over 4 tasks (95 % interval −5.7"),
        (0.2, 0.047, "On base a-b, it is open whether x-1 is better than y: +4.7 points"),
        (None, 0.047, "On base a-b, x-1 scores 4.7 points higher than y on average over 4 tasks (95 % interval +3.7"),
        (None, -0.047, "On base a-b, x-1 scores 4.7 points lower than y on average over 4 tasks (95 % interval −5.7"),
        (None, 0.0, "On base a-b, x-1 scores as high as y on average over 4 tasks"),
    ],
)
def test_the_sentence_holds_the_verdict_of_the_mean(p: float | None, value: float, said: str) -> None:
    found = compared(p, value=value)
    wording = headline(found, judge_means(found, [])[0])
    assert wording.startswith(said)
    assert wording.endswith("This mean is not tested.") == (p is None)


def test_the_headline_is_tested_first_and_the_other_means_together() -> None:
    def judged(first: float | None, *others: float | None) -> list[MeanVerdict | None]:
        return judge_means(compared(first), [compared(p) for p in others])

    assert judged(0.03) == [MeanVerdict(verdict="better", p=0.03)]
    assert judged(0.03, 0.02, None, 0.04) == [
        MeanVerdict(verdict="better", p=0.03),
        MeanVerdict(verdict="better", p=0.04),
        None,
        MeanVerdict(verdict="better", p=0.04),
    ]
    assert judged(0.03, 0.001)[1] == MeanVerdict(verdict="better", p=0.03), "never below the headline's"
    assert judged(0.2, 0.001)[1] == MeanVerdict(verdict="undecided", p=0.2), "nothing after a headline that failed"
    assert judge_means(None, [compared(0.04)]) == [MeanVerdict(verdict="better", p=0.04)]


def test_the_tasks_are_counted_once_with_the_size_of_their_family() -> None:
    assert one_by_one(compared()) == (
        "One by one: better on 1 of 4 tasks, undecided on 3 (p ≤ .05, adjusted over 2 contrasts × 4 tasks)."
    )
    assert one_by_one(compared(verdicts="wwd")).startswith("One by one: better on none of 2 tasks, worse on 2 (")
    assert one_by_one(compared(verdicts="d")) == ""
    uneven: Any = Fake(family_size=7, family_pairs=2, family_tasks=4)
    assert over_of(uneven) == "7 tests: 2 contrasts on up to 4 tasks"


def test_several_bases_are_counted() -> None:
    bases = [compared(value=0.012), compared(value=0.31), compared(0.5, value=-0.01)]
    assert over_bases([(c, judge_means(c, [])[0]) for c in bases]) == (
        "x-1 is better than y on 2 of 3 bases, undecided on 1: between −1.0 and +31.0 points on average over the tasks."
    )
    same = over_bases([(c, judge_means(c, [])[0]) for c in bases[:1] * 2])
    assert same == "x-1 is better than y on all of 2 bases: +1.2 points on average over the tasks."
