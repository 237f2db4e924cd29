"""The schema of a result: what every task returns, what the store keeps, what every score is made from.

An *outcome* is one example's result in one task: the gold answer, the model's answer, and where it was read
(trial, layer, token position). Outcomes travel as a pandas DataFrame with the columns of `OUTCOME_COLUMNS`,
because there are millions of them; `check_outcomes` is the gate every frame passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import HarnessError, near_names

OUTCOME_COLUMNS: dict[str, str] = {
    "example_id": "string",  # stable name of the example inside its task, split and subset
    "unit": "string",  # examples that share it are one unit in every resampling (a document, a target word)
    "trial": "int32",  # classification draw, clustering draw, fold; 0 where there is one
    "layer": "Int32",  # hidden layer read, 0 is the embedding layer; NA for sentence tasks
    "position": "Int32",  # token position relative to the target word; NA where it has no meaning
    "gold_label": "string",  # class tasks: the true label; NA otherwise
    "predicted_label": "string",  # class tasks: the model's label or cluster; NA otherwise
    "gold_score": "Float64",  # score tasks: the true score; NA otherwise
    "predicted_score": "Float64",  # score tasks: the model's score (a similarity, a regression); NA otherwise
}
SHOWN_CHARACTERS = 400  # of a text that readers see; long documents would fill the page
# Of tasks that this version no longer has: what older versions stored of them is read as before.
_DROPPED = ("Attention",)
# Types of results that are no scores: controls and diagnostics. They are stored, verified and shown where
# they are asked for; no comparison, rank or family knows them.
DIAGNOSTIC_TYPES = frozenset(
    {"ProbeControl", "Reproduction", "Geometry", "Layers", "Repetition", "Distractors", *_DROPPED}
)


class TaskPart(NamedTuple):
    """A split and subset of a task: what has a score, whatever the revision and the metric. Frozen; sorts by name."""

    task: str
    split: str
    subset: str

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> TaskPart:
        """What a row of scores is a score of."""
        return cls(*(str(row[name]) for name in cls._fields))


@dataclass(frozen=True, kw_only=True)
class TaskKey:
    """What a score is a score *of*. Two scores are comparable only if all five fields are equal."""

    task: str
    split: str
    subset: str
    revision: str
    metric: str

    @property
    def part(self) -> TaskPart:
        """The split and subset of the task."""
        return TaskPart(self.task, self.split, self.subset)


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One system's result on one task: the outcomes and the score the task itself reported.

    `score` is in the metric's own unit (accuracy, V-measure and correlations: 1.0 is perfect). The store
    refuses a result whose score is not the aggregate of its outcomes (harness.metrics) to 1e-6. `texts` are the
    hashes of the distinct texts that were evaluated (harness.contamination.text_hashes), None where a task keeps none.
    `note` is said on screen beside the score and not stored. `reported` is what mteb says beside its main score.
    `shown` is what an example asked, by its id: for readers, cut where it is long (`shown_texts`); empty where readers
    must not see it, None where nothing is known. `made` is what a cure made of that, which this system read in its
    place, by id as well; None where no cure did.
    """

    key: TaskKey
    task_type: str
    score: float
    outcomes: pd.DataFrame
    seconds: float
    texts: NDArray[np.uint64] | None = None
    note: str = ""
    reported: Mapping[str, Any] | None = None
    shown: Mapping[str, str] | None = None
    made: Mapping[str, str] | None = None


def content_id(text: object) -> str:
    """The first 12 hex digits of the SHA-256 of a text.

    >>> content_id("a cat")
    '51e467415607'
    """
    return hashlib.sha256(str(text).encode()).hexdigest()[:12]


def row_ids(texts: Iterable[object], *, prefix: str = "") -> list[str]:
    """Names of examples, stable while the data is: row number and content hash of each text, as in `3:1f0c…`.

    `prefix` stands before the number.
    """
    return [f"{prefix}{row}:{content_id(text)}" for row, text in enumerate(texts)]


def shown_texts(ids: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """What readers see of each example: its text, spaces folded and the end cut.

    >>> shown_texts(["0:a"], ["two  lines\\nof text"])
    {'0:a': 'two lines of text'}
    """
    return {example: shorten(text) for example, text in zip(ids, texts, strict=True)}


def shorten(text: str) -> str:
    """Return `text` with its spaces folded, cut at SHOWN_CHARACTERS."""
    folded = " ".join(text.split())
    return folded if len(folded) <= SHOWN_CHARACTERS else folded[: SHOWN_CHARACTERS - 1] + "…"


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """How far one task's score moves when nothing changes but how it is computed: no result of the system.

    `scores` are those of the identical system by what was varied (batch size, attention kernel).
    """

    system_id: str
    base_revision: str
    key: TaskKey
    dtype: str
    device: str
    scores: Mapping[str, float]

    @property
    def floor(self) -> float:
        """The largest difference of two of the scores, in their unit: differences up to it are ties."""
        return max(self.scores.values()) - min(self.scores.values())


def make_outcomes(columns: dict[str, object], n: int) -> pd.DataFrame:
    """Build a checked frame of `n` outcomes; columns left out get their neutral value (trial 0, unit = example)."""
    data: dict[str, object] = dict(columns)
    data.setdefault("unit", data["example_id"])
    data.setdefault("trial", np.zeros(n, dtype=np.int32))
    frame = pd.DataFrame(
        {
            name: pd.Series(data[name] if name in data else [pd.NA] * n, index=range(n), dtype=dtype)
            for name, dtype in OUTCOME_COLUMNS.items()
        }
    )
    return check_outcomes(frame)


def read_outcomes(frame: pd.DataFrame) -> pd.DataFrame:
    """Make a checked frame of outcomes from one that a user wrote; columns left out as in `make_outcomes`.

    Raises HarnessError for an unknown column, for a value that a column cannot hold, and for an example that has no
    name or that occurs twice at one trial, layer and position.
    """
    for name in frame.columns:
        if name not in OUTCOME_COLUMNS:
            raise HarnessError(f"outcomes have no column {name!r}; {near_names(str(name), OUTCOME_COLUMNS)}")
    if "example_id" not in frame.columns:
        raise HarnessError("outcomes need the column example_id, a name for each example")
    try:
        rows = make_outcomes({name: frame[name].array for name in frame.columns}, len(frame))
    except (TypeError, ValueError) as error:
        raise HarnessError(f"the outcomes hold a value that its column cannot hold: {error}") from None
    if rows["example_id"].isna().any():
        raise HarnessError("an outcome has no example_id; give each example a name")
    twice = rows["example_id"][rows.duplicated(["example_id", "trial", "layer", "position"])]
    if not twice.empty:
        raise HarnessError(f"the example {twice.iloc[0]!r} occurs twice; give each of its outcomes another trial")
    return rows


def check_outcomes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if it is a complete set of outcomes; raise HarnessError naming what is wrong if not."""
    if list(frame.columns) != list(OUTCOME_COLUMNS):
        raise HarnessError(f"outcomes need the columns {', '.join(OUTCOME_COLUMNS)}; got {', '.join(frame.columns)}")
    if frame.empty:
        raise HarnessError("a task returned no outcomes; check that its data set is not empty")
    scored = frame["gold_score"].notna()
    if not (scored ^ frame["gold_label"].notna()).all():
        raise HarnessError("each outcome needs either a gold label or a gold score")
    scores = frame.loc[scored, ["gold_score", "predicted_score"]].to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(scores).all():
        raise HarnessError("an outcome has a score that is not a finite number: the model returned NaN or infinity")
    if frame.loc[~scored, "predicted_label"].isna().any():
        raise HarnessError("an outcome has a gold label but no predicted label")
    return frame
