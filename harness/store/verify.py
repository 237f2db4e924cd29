"""Is each stored score the aggregate of its stored outcomes?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey, check_outcomes


@dataclass(frozen=True, kw_only=True)
class Check:
    """One score, recomputed. `problem` is None if all is well, else a sentence."""

    result: int
    run_id: str
    system_id: str
    base: str
    variant: str
    key: TaskKey
    stored: float
    recomputed: float | None
    problem: str | None

    @property
    def ok(self) -> bool:
        return self.problem is None


def check_score(row: Mapping[Any, Any], outcomes: pd.DataFrame) -> Check:
    """Compare `row` (of Store.scores) with what `outcomes` give."""
    key = TaskKey(**{name: row[name] for name in ("task", "split", "subset", "revision", "metric")})
    recomputed: float | None = None
    try:
        recomputed = score_outcomes(key.metric, check_outcomes(outcomes))
        problem = _difference(row, outcomes, recomputed)
    except HarnessError as error:
        problem = str(error)
    return Check(
        result=int(row["result"]),
        run_id=row["run_id"],
        system_id=row["system_id"],
        base=row["base"],
        variant=row["variant"],
        key=key,
        stored=float(row["score"]),
        recomputed=recomputed,
        problem=problem,
    )


def _difference(row: Mapping[Any, Any], outcomes: pd.DataFrame, recomputed: float) -> str | None:
    if not abs(recomputed - row["score"]) <= TOLERANCE:
        return f"stored {row['score']:.7f}, but its {len(outcomes)} rows give {recomputed:.7f}"
    found = outcomes["example_id"].nunique()
    if found != row["n_examples"]:
        return f"stored as {row['n_examples']} examples, but its rows hold {found}"
    return None
