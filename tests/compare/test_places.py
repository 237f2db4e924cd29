"""Scores by layer and position on the page are the cells of `harness words`."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from harness.compare import current_entries
from harness.compare.cells import cells, read_places
from harness.store import Store
from tests.factory import TASKS, add_system

PROBE, STS = TASKS[4], TASKS[0]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("places") / "r.duckdb")
    for seed in (0, 1):
        add_system(store, "bidir-mntp", seed=seed, tasks=[PROBE, STS])
    add_system(store, "causal", skill=0.4, tasks=[PROBE, replace(STS, name="Other")])
    return store


def test_places_are_the_cells_of_the_terminal(store: Store) -> None:
    scores = store.scores()
    entries = current_entries(store, scores=scores)
    group = scores[scores["task"] == PROBE.name]
    read = read_places(store.outcomes(results=group["result"]), entries, scores=group)
    assert read is not None
    assert read.by == "position"
    assert list(read.cells) == cells(
        store, entries, scores=scores, tasks=[PROBE.name], subsets=["default"], by="position"
    )


def test_a_cell_is_the_mean_of_its_outcomes(store: Store) -> None:
    scores = store.scores()
    group = scores[scores["task"] == PROBE.name]
    rows = store.outcomes(results=group["result"]).merge(group[["result", "variant"]], on="result")
    rows["right"] = (rows["gold_label"] == rows["predicted_label"]).astype(float)
    read = read_places(rows.drop(columns=["variant", "right"]), current_entries(store), scores=group)
    assert read is not None
    assert len(read.cells) == 2 * 3
    for cell in read.cells:
        here = rows[(rows["variant"] == cell.variant) & (rows["position"] == cell.position)]
        assert cell.value == pytest.approx(here["right"].mean())
        assert cell.low is not None
        assert cell.low < cell.value < (cell.high or 0)
    assert read.guess == pytest.approx(rows["gold_label"].value_counts(normalize=True).max())


def test_layers_come_before_positions_and_some_tasks_have_neither(store: Store) -> None:
    scores = store.scores()
    group = scores[scores["task"] == PROBE.name]
    rows = store.outcomes(results=group["result"])
    both = pd.concat([rows.assign(layer=pd.array([n] * len(rows), dtype="Int32")) for n in (1, 2)])
    read = read_places(both, current_entries(store), scores=group)
    assert read is not None
    assert read.by == "layer"
    assert {cell.layer for cell in read.cells} == {1, 2}
    group = scores[scores["task"] == STS.name]
    assert read_places(store.outcomes(results=group["result"]), current_entries(store), scores=group) is None
