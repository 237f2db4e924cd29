"""Scores by layer and position: equal to the mean of the cell, with an interval over units."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare import place_scores
from harness.stats import Estimate, crossed_effect, make_contrast, mean_contributions
from tests.factory import TASKS, outcomes_of

PROBE, STS = TASKS[4], TASKS[0]
MEMBERS = {("mini", "a"): {0: 1, 1: 2}, ("mini", "b"): {None: 3}}


def _rows(task):  # type: ignore[no-untyped-def]
    import pandas as pd

    frames = [outcomes_of(task, skill=0.4 + 0.1 * n, seed=n).assign(result=n) for n in (1, 2, 3)]
    return pd.concat(frames, ignore_index=True)


def test_every_cell_is_the_mean_of_its_outcomes() -> None:
    rows = _rows(PROBE)
    read = place_scores(rows, MEMBERS, metric="accuracy")
    assert read is not None
    assert read.positions == (-1, 1, 2)
    assert read.layers == ()
    rows["right"] = (rows["gold_label"] == rows["predicted_label"]).astype(float)
    for found in read.scores:
        results = list(MEMBERS[found.entry].values())
        cell = rows[rows["result"].isin(results) & (rows["position"] == found.position)]
        assert found.score == pytest.approx(cell["right"].mean())
        assert found.n_examples == cell["example_id"].nunique()
        assert found.interval is not None
        assert found.interval.low < found.score < found.interval.high
    assert read.guess == pytest.approx(rows["gold_label"].value_counts(normalize=True).max())


def test_the_interval_is_the_t_interval_over_units() -> None:
    rows = _rows(PROBE)
    read = place_scores(rows, MEMBERS, metric="accuracy")
    assert read is not None
    found = next(s for s in read.scores if s.entry == ("mini", "b") and s.position == 1)
    cell = rows[(rows["result"] == 3) & (rows["position"] == 1)]
    right = (cell["gold_label"] == cell["predicted_label"]).to_numpy(dtype=float)[:, None]
    units = np.unique(cell["unit"], return_inverse=True)[1]
    estimate: Estimate = crossed_effect(
        mean_contributions(right, units=units), make_contrast({None: 0}, columns=1).fixed()
    )
    assert estimate.interval is not None
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((estimate.interval.low, estimate.interval.high))


def test_a_task_without_places_has_none() -> None:
    assert place_scores(_rows(STS), MEMBERS, metric="spearman") is None
