"""Is each stored score the aggregate of its stored outcomes?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import OUTCOME_COLUMNS, TaskKey, check_outcomes

VerifyProgress = Callable[[int, int, str], None]  # done, total, what comes next
_ROWS = 500_000  # outcomes that are read at once


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


def batches(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Split `rows` (of Store.scores), in their order, so that each part has about _ROWS outcomes."""
    part = (rows["n_examples"] * rows["n_trials"]).cumsum() // _ROWS
    yield from (batch for _, batch in rows.groupby(part, sort=False))


def check_scores(rows: Sequence[Mapping[Any, Any]], outcomes: pd.DataFrame) -> Iterator[Check]:
    """Compare each of `rows` (of Store.scores, as dicts) with what its rows of `outcomes` give.

    What can be done for all at once is: a look at one result takes longer than what is looked for.
    """
    ordered = outcomes.sort_values("result", kind="stable", ignore_index=True)
    number, frame = ordered["result"].to_numpy(dtype=np.int64), ordered.drop(columns="result")
    sound = _is_sound(frame)
    if sound:  # plain arrays are cut quicker
        frame = frame.astype({name: object if kind == "string" else float for name, kind in OUTCOME_COLUMNS.items()})
    wanted = np.array([row["result"] for row in rows], dtype=np.int64)
    firsts, ends = (np.searchsorted(number, wanted, side=side).tolist() for side in ("left", "right"))
    counts = ordered.groupby("result", sort=False)["example_id"].nunique(dropna=False).to_dict()
    for row, first, end in zip(rows, firsts, ends, strict=True):
        found = counts.get(row["result"], 0)
        yield _check(row, frame.iloc[first:end], n_examples=found, sound=sound and end > first)


def _is_sound(outcomes: pd.DataFrame) -> bool:
    """Whether all are sound: one look at many results is quicker than one look at each."""
    try:
        check_outcomes(outcomes)
    except HarnessError:
        return False
    return True


def _check(row: Mapping[Any, Any], outcomes: pd.DataFrame, *, n_examples: int, sound: bool) -> Check:
    key = TaskKey(**{name: row[name] for name in ("task", "split", "subset", "revision", "metric")})
    recomputed: float | None = None
    try:
        recomputed = score_outcomes(key.metric, outcomes if sound else check_outcomes(outcomes))
        problem = _difference(row, len(outcomes), n_examples, recomputed)
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


def _difference(row: Mapping[Any, Any], n_rows: int, n_examples: int, recomputed: float) -> str | None:
    if not abs(recomputed - row["score"]) <= TOLERANCE:
        return f"stored {row['score']:.7f}, but its {n_rows} rows give {recomputed:.7f}"
    if n_examples != row["n_examples"]:
        return f"stored as {row['n_examples']} examples, but its rows hold {n_examples}"
    return None
