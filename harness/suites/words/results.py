"""Answers of an encoder ─▶ the results of a task: its score, and its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.suites.words.data.examples import WordExample
from harness.suites.words.probe import OnWordData

CONTROL = "ProbeControl"
SPLIT = "cv"
SCORE = "default"  # the subset that is the task's score
# The controls of the score, in the order in which they are shown.
CONTROLS = (
    "best layer",
    "no context",
    "first token",
    "last token",
    "random labels",
    "random scores",
    "majority",
    "selectivity",
    "codelength",
    "layers",
    "spans",
)


class SubsetOutcomes:
    """The outcomes of one subset of a task, grown block by block.

    A block is all examples, or some, at one layer, position and trial.
    """

    def __init__(self, subset: str, metric: str, examples: Sequence[WordExample]) -> None:
        self.subset, self.metric = subset, metric
        self._who = pd.DataFrame({"example_id": [e.example_id for e in examples], "unit": [e.unit for e in examples]})
        self._blocks: list[pd.DataFrame] = []

    def add(
        self,
        *,
        layer: int | None,
        position: int | None = None,
        trial: int = 0,
        rows: NDArray[np.bool_] | None = None,
        **columns: NDArray[Any] | float,
    ) -> None:
        """Add a block: `gold_label` and `predicted_label`, or `gold_score` and `predicted_score`, one value an example.

        With `rows` (N,) only those examples.
        """
        places: dict[str, Any] = {
            "layer": pd.NA if layer is None else layer,
            "position": pd.NA if position is None else position,
        }
        block = self._who.assign(trial=trial, **places, **columns)
        self._blocks.append(block if rows is None else block[rows])

    @property
    def constant(self) -> bool:
        """Whether some trial's predicted scores are all the same, so that no correlation with them is defined."""
        if "predicted_score" not in self._blocks[0]:
            return False
        return any(rows["predicted_score"].nunique() < 2 for rows in self._blocks)

    def frame(self) -> pd.DataFrame:
        """The checked outcomes of all blocks."""
        whole = pd.concat(self._blocks, ignore_index=True)
        return make_outcomes({str(name): whole[name].to_numpy() for name in whole}, len(whole))


def result(
    task: OnWordData,
    split: str,
    part: SubsetOutcomes,
    *,
    seconds: float,
    texts: NDArray[np.uint64],
    note: str = "",
    shown: Mapping[str, str] | None = None,
) -> TaskResult:
    """The result of one subset of `task`."""
    outcomes = part.frame()
    return TaskResult(
        key=TaskKey(task=task.name, split=split, subset=part.subset, revision=task.revision, metric=part.metric),
        task_type=CONTROL if part.subset in CONTROLS else task.task_type,
        score=score_outcomes(part.metric, outcomes),
        outcomes=outcomes,
        seconds=seconds,
        texts=texts,
        note=note,
        shown=shown,
    )
