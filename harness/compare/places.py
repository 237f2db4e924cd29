"""One task read at several places: its score by layer and token position, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from harness.compare.aligned import Aligned, align
from harness.compare.estimates import claimed, contributions
from harness.compare.one_task import Name
from harness.metrics import score_outcomes
from harness.stats import Interval, crossed_effect, make_contrast


@dataclass(frozen=True, kw_only=True)
class PlaceScore:
    """The score of one entry at one layer and position (None: the task has none): the mean over its seeds.

    `interval` is the t interval over units, seeds crossed with them from five seeds on; None where nothing varies.
    """

    entry: Name
    layer: int | None
    position: int | None
    score: float
    interval: Interval | None
    n_examples: int


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a task gives by place; `guess` is the share of the most frequent gold label, None for scores."""

    scores: tuple[PlaceScore, ...]
    guess: float | None

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that were read."""
        return tuple(sorted({s.layer for s in self.scores if s.layer is not None}))

    @property
    def positions(self) -> tuple[int, ...]:
        """The token positions that were read."""
        return tuple(sorted({s.position for s in self.scores if s.position is not None}))


def place_scores(
    outcomes: pd.DataFrame, members: Mapping[Name, Mapping[int | None, int]], *, metric: str
) -> Places | None:
    """Score `members` (entry -> seed -> number of its result) at each layer and position in `outcomes` (one task).

    None where the outcomes name neither. The last layer of one system may be another number than that of another:
    places are compared by their number, as stored.
    """
    if not (outcomes["layer"].notna().any() or outcomes["position"].notna().any()):
        return None
    found: list[PlaceScore] = []
    keys = [outcomes["layer"].fillna(-1), outcomes["position"].fillna(0)]
    for place, rows in outcomes.groupby(keys, sort=True):
        layer, position = (int(str(part)) for part in place)  # type: ignore[attr-defined]
        for data in align(rows, metric=metric):
            found += _of_place(
                data,
                rows,
                members,
                metric=metric,
                layer=None if layer < 0 else layer,
                position=position if rows["position"].notna().any() else None,
            )
    labels = outcomes["gold_label"].dropna()
    guess = float(labels.value_counts(normalize=True).max()) if len(labels) else None
    return Places(scores=tuple(found), guess=guess)


def _of_place(
    data: Aligned,
    rows: pd.DataFrame,
    members: Mapping[Name, Mapping[int | None, int]],
    *,
    metric: str,
    layer: int | None,
    position: int | None,
) -> list[PlaceScore]:
    table = contributions(data, metric=metric)
    found = []
    for entry, results in members.items():
        columns = {seed: data.column[number] for seed, number in results.items() if number in data.column}
        if not columns:
            continue
        if table is not None:
            estimate = crossed_effect(table, claimed(make_contrast(columns, columns=data.answer_nk.shape[1])))
            value, interval = estimate.value, estimate.interval
        else:
            here = [rows[rows["result"] == results[seed]].drop(columns="result") for seed in columns]
            value, interval = sum(score_outcomes(metric, each) for each in here) / len(here), None
        found.append(
            PlaceScore(
                entry=entry,
                layer=layer,
                position=position,
                score=float(value),
                interval=interval,
                n_examples=data.n_examples,
            )
        )
    return found
