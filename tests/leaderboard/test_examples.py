"""What a task is, and which examples changed: nearer to gold or further from it, whatever the scale of the answers."""

from __future__ import annotations

from types import SimpleNamespace as Fake
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.compare.cells import Cell, Places
from harness.outcomes import TaskPart
from leaderboard.about import about_task, chance
from leaderboard.answers import answers_of, changed
from leaderboard.figures import place_charts
from leaderboard.model import TaskColumn

A, B = ("mini", "a"), ("mini", "b")


def outcomes(gold: list[float | None], first: list[float], second: list[float]) -> pd.DataFrame:
    n = len(gold)
    return pd.DataFrame({
        "result": [1] * n + [2] * n, "example_id": [f"e{i}" for i in range(n)] * 2, "gold_score": gold * 2,
        "predicted_score": first + second, "gold_label": None, "predicted_label": None,
    })  # fmt: skip


def test_a_lower_prediction_that_orders_the_examples_rightly_is_nearer() -> None:
    rows = outcomes([0, 1, 2, 3], [0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.95, 0.99])
    found = changed(answers_of(rows, {A: [1], B: [2]}, kind="score"), A, B, most=9)
    assert found is not None
    assert (found.nearer, found.further, found.n) == (2, 0, 4), "every prediction of a is lower, and two stand better"
    assert {each.example_id for each in found.shown} == {"e0", "e1"}
    assert all(each.change == pytest.approx(0.25) for each in found.shown)
    back = changed(answers_of(rows, {A: [1], B: [2]}, kind="score"), B, A, most=9)
    assert back is not None
    assert (back.nearer, back.further) == (0, 2)


def test_without_gold_scores_the_direction_of_the_metric_counts() -> None:
    rows = outcomes([None, None], [2.0, 3.0], [2.5, 2.9])
    found = changed(answers_of(rows, {A: [1], B: [2]}, kind="score", better="lower"), A, B, most=9)
    assert found is not None
    assert (found.nearer, found.further) == (1, 1)
    assert found.shown[0].change == pytest.approx(0.5)


def test_labels_count_right_answers() -> None:
    rows = outcomes([None, None], [0, 0], [0, 0])
    rows["gold_label"], rows["predicted_label"] = ["x", "y", "x", "y"], ["x", "y", "x", "x"]
    found = changed(answers_of(rows, {A: [1], B: [2]}, kind="label"), A, B, most=9)
    assert found is not None
    assert (found.nearer, found.further, found.n) == (1, 0, 2)


@pytest.mark.parametrize(
    ("metric", "gold", "value"),
    [("accuracy", ["x", "x", "y", "x"], 0.75), ("spearman", ["1", "2"], 0.0), ("v_measure", ["x"], None)],
)
def test_chance_is_the_most_frequent_label_or_no_correlation(metric: str, gold: list[str], value: float | None) -> None:
    assert chance(metric, gold) == value


def column(name: str, revision: str = "r1") -> TaskColumn:
    return TaskColumn(
        name=TaskPart(name, "test", "default"), label=name, href="", task_type="STS", metrics=("spearman",),
        revisions=(revision,), suites=("mini",), key=name,
    )  # fmt: skip


def test_a_task_says_what_is_asked_and_where_it_comes_from() -> None:
    about = about_task(column("MiniSTS"))
    assert about.asked.endswith(".")
    assert dict(about.facts)["licence"] == "Apache-2.0"
    assert about_task(column("a card that is not here")).asked == ""


def test_every_row_is_drawn_however_many_there_are() -> None:
    rows: list[Any] = [Fake(entry=Fake(name=("mini", f"v{i}"), variant=f"v{i}")) for i in range(22)]
    cells = [
        Cell(
            base="mini", variant=f"v{i}", task="T", subset="default", metric="accuracy", value=0.5, low=None, high=None,
            n_examples=9, n_units=9, seeds=(None,), layer=layer,
        )
        for i in range(20) for layer in (1, 2)
    ]  # fmt: skip
    places = Places(by="layer", cells=tuple(cells), guess=None)
    charts = place_charts([places], "accuracy", rows, by="layer", title="T", ident="i")
    assert [len(chart.legend) for chart in charts] == [6, 7, 7]
    assert [name for chart in charts for _, name in chart.legend] == [f"v{i}" for i in range(20)]
    assert np.unique([str(chart.chart).split('id="')[1][:6] for chart in charts]).size == 3, "ids are not shared"
