"""The outcomes of several systems on one task as arrays: a row an outcome, a column a system."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics import Aligned, get_metric
from harness.metrics.answers import code_answers

WHERE = ["example_id", "trial", "layer", "position"]
_ASKED = [*WHERE, "unit", "gold_label", "gold_score"]


def align(outcomes: pd.DataFrame, *, metric: str) -> list[Aligned]:
    """Group the results in `outcomes` (as of Store.outcomes, one task) by what they were asked, one Aligned each.

    Results measured on the same examples, trials and gold answers share a group. In the normal case there is one.
    """
    groups: list[tuple[pd.DataFrame, dict[int, pd.DataFrame]]] = []
    for number, rows in outcomes.groupby("result", sort=True):
        ordered = rows.sort_values(WHERE, kind="stable").reset_index(drop=True)
        asked = ordered[_ASKED]
        for reference, members in groups:
            if asked.equals(reference):
                members[int(str(number))] = ordered
                break
        else:
            groups.append((asked, {int(str(number)): ordered}))
    return [_aligned(asked, members, metric=metric) for asked, members in groups]


def _aligned(asked: pd.DataFrame, members: Mapping[int, pd.DataFrame], *, metric: str) -> Aligned:
    gold, answer_nk, names = code_answers(asked, list(members.values()), kind=get_metric(metric).answers)
    unit, units = pd.factorize(asked["unit"])
    trial, trials = pd.factorize(asked["trial"])
    return Aligned(
        column={number: k for k, number in enumerate(members)},
        gold=gold,
        answer_nk=answer_nk,
        unit=unit,
        trial=trial,
        weight=_weights(asked),
        n_examples=asked["example_id"].nunique(),
        n_units=len(units),
        n_trials=len(trials),
        names=names,
    )


def _weights(asked: pd.DataFrame) -> NDArray[np.float64]:
    cells = [asked["trial"], asked["layer"].fillna(-1), asked["position"].fillna(0)]
    cell = asked.groupby(cells, sort=False).ngroup()
    size = cell.groupby(cell).transform("size")
    cells_in_trial = cell.groupby(asked["trial"]).transform("nunique")
    weight = 1.0 / (size * cells_in_trial * asked["trial"].nunique())
    return weight.to_numpy(dtype=np.float64)


def explain_difference(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Say in a few words how what two results were asked differs."""
    a, b = set(first["example_id"]), set(second["example_id"])
    if a != b:
        return f"{len(a - b)} examples only in the first, {len(b - a)} only in the second"
    if set(first["trial"]) != set(second["trial"]):
        return f"{first['trial'].nunique()} trials against {second['trial'].nunique()}"
    if len(first) != len(second):
        return f"{len(first)} outcomes against {len(second)} on the same examples"
    return "the same examples, but other trials, units or gold answers"
