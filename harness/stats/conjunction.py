"""On how many tasks is a system better? Partial conjunction tests.

Dror, Baumer, Bogomolov and Reichart 2017, "Replicability Analysis for Natural Language Processing", TACL 5,
471-486, section 4: eq. 3 (Bonferroni), k-hat in section 4.2; after Benjamini and Heller 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np

from harness.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class Replicability:
    """`at_least` is k-hat, the lower bound at 1 - alpha on the number of tasks with an effect, of `n_tasks` tested.

    `p` holds the p value of "on at least u tasks" for u = 1..n, made monotone.
    """

    at_least: int
    n_tasks: int
    alpha: float
    p: tuple[float, ...]
    method: Literal["bonferroni"] = "bonferroni"


def partial_conjunction_p(p_values: Sequence[float], *, u: int) -> float:
    """Return the p value of the null hypothesis "fewer than `u` of these n effects are there".

    `p_values` are one-sided. Bonferroni: (n - u + 1) p_(u), whatever the dependence. Raises HarnessError for u
    outside 1..n.
    """
    p = np.sort(np.asarray(p_values, dtype=np.float64))
    n = len(p)
    if not n or not ((p >= 0) & (p <= 1)).all():
        raise HarnessError("p values have to lie between 0 and 1, and there has to be one")
    if not 1 <= u <= n:
        raise HarnessError(f"u = {u} of {n} tasks: choose u between 1 and {n}")
    return float(min(1.0, (n - u + 1) * p[u - 1]))


def replicability(p_values: Sequence[float | None], *, alpha: float = 0.05) -> Replicability:
    """Return on at least how many tasks there is an effect; a task that could not be tested (None) is left out."""
    tested = [p for p in p_values if p is not None]
    each = (partial_conjunction_p(tested, u=u) for u in range(1, len(tested) + 1))
    monotone = tuple(accumulate(each, max))
    at_least = sum(p <= alpha for p in monotone)
    return Replicability(at_least=at_least, n_tasks=len(tested), alpha=alpha, p=monotone)


def one_sided(p: float | None, value: float) -> float | None:
    """Return the p value against "not above 0" that goes with a two-sided one: p / 2 on the right side."""
    if p is None:
        return None
    return p / 2 if value > 0 else 1 - p / 2
