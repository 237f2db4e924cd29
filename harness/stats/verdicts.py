"""What may be said of a difference: better, worse, equivalent or undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.errors import HarnessError
from harness.stats.equivalence import equivalence_test
from harness.stats.estimate import Estimate
from harness.stats.families import holm
from harness.stats.power import minimum_detectable_effect

Word = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A verdict with all it rests on. `p` is adjusted for the family and never below the estimate's own;
    `p_equivalent` is adjusted by Holm over the same family.

    `negligible` marks a difference that is established and yet shown to lie within the margin. `mde` is the
    minimum detectable effect of the unadjusted test at 80 % power.
    """

    word: Word
    estimate: Estimate
    p: float | None
    p_equivalent: float | None
    margin: float | None
    negligible: bool
    mde: float | None


def decide(
    estimates: Sequence[Estimate],
    adjusted: Sequence[float | None],
    *,
    alpha: float = 0.05,
    margins: Sequence[float | None] | None = None,
) -> list[Verdict]:
    """Give each estimate its verdict; `adjusted` are its family-wise p values, `margins` what counts as equal.

    A difference is better or worse if its adjusted p is at most `alpha`. Failing that it is equivalent if
    both one-sided tests reject at `alpha` after Holm over the family (a family of its own: no true state of
    a difference can make both kinds of error). Else undecided, and so is what could not be tested.
    """
    limits = [None] * len(estimates) if margins is None else list(margins)
    if not len(estimates) == len(adjusted) == len(limits):
        raise HarnessError(f"{len(estimates)} estimates need as many p values and margins")
    within = holm(
        [
            None if m is None else equivalence_test(e, margin=m, alpha=alpha).p
            for e, m in zip(estimates, limits, strict=True)
        ]
    )
    verdicts = []
    for estimate, p, p_equivalent, margin in zip(estimates, adjusted, within, limits, strict=True):
        if p is not None and estimate.p is not None:
            p = max(p, estimate.p)
        same = p_equivalent is not None and p_equivalent <= alpha
        word: Word = "equivalent" if same else "undecided"
        if p is not None and p <= alpha and estimate.value != 0:
            word = "better" if estimate.value > 0 else "worse"
        verdicts.append(
            Verdict(
                word=word,
                estimate=estimate,
                p=p,
                p_equivalent=p_equivalent,
                margin=margin,
                negligible=same and word in ("better", "worse"),
                mde=minimum_detectable_effect(estimate.se, df=estimate.df, alpha=alpha),
            )
        )
    return verdicts
