"""Mask × training on the front page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.compare import current_entries
from harness.compare.contrasts import declared_contrasts
from harness.store import Store
from leaderboard.build import build_site
from leaderboard.grid import make_grid
from leaderboard.views import make_site
from tests.factory import TASKS, add_system, fill


@pytest.mark.slow
def test_the_front_page_sets_the_mask_against_the_training(site: Path, store: Store) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    part = index[index.index("<h2>Mask × training</h2>") : index.index("<h2>Controls")]
    assert re.findall(r'<th scope="row">([^<]+)</th>', part) == ["none", "SimCSE", "supervised"]
    scores = store.scores()
    tasks = [task.name for task in TASKS if task.metric != "v_measure"]
    for variant in ("causal", "bidir", "causal-supcon", "bidir-supcon"):
        rows = scores[(scores["variant"] == variant) & scores["task"].isin(tasks)]
        mean = 100 * np.mean([rows[rows["task"] == task]["score"].mean() for task in tasks])
        assert f">{mean:.1f}</a>" in part


@pytest.mark.slow
def test_rows_without_training_stand_beside_it_and_a_half_table_is_left_out() -> None:
    variants = ("causal", "bidir", "causal-supcon", "bidir-supcon")
    store = fill(Path("results.duckdb"), variants=variants, seeds=1)
    add_system(store, "causal-prompteol", seed=None, skill=0.6)
    add_system(store, "causal-echo", seed=None, skill=0.6, tasks=TASKS[:1])
    entries, scores, contrasts = current_entries(store), store.scores(), declared_contrasts()
    made = make_site(store, entries, scores, known={}, resamples=99, progress=None)
    grid = make_grid(made.bases[0], contrasts, "g")
    assert grid is not None
    assert [row.training for row in grid.rows] == ["none", "supervised"]
    assert [row.entry.variant for row, _ in grid.beside] == ["causal-prompteol"]  # echo lacks tasks
    page = build_site(store, Path("site"), resamples=99).read_text(encoding="utf-8")
    assert "read in other ways: <a" in page
    half = fill(Path("half.duckdb"), variants=("causal", "bidir", "bidir-supcon"), seeds=1)
    [base] = make_site(half, current_entries(half), half.scores(), known={}, resamples=99, progress=None).bases
    assert make_grid(base, contrasts, "g") is None


@pytest.mark.slow
def test_a_difference_is_that_of_the_means_beside_it() -> None:
    store = fill(Path("less.duckdb"), variants=("causal", "bidir", "bidir-supcon"), seeds=1)
    add_system(store, "causal-supcon", seed=0, skill=0.6, tasks=TASKS[:2])
    page = build_site(store, Path("site"), resamples=99).read_text(encoding="utf-8")
    part = page[page.index("<h2>Mask × training</h2>") : page.index("<h2>Controls")]
    assert "Means over 2 tasks" in part
    none, supervised = re.findall(r"<tr><th scope=\"row\">.*?</tr>", part, flags=re.DOTALL)
    for row in (none, supervised):
        causal, bidirectional = map(float, re.findall(r">(\d+\.\d)</a></td>", row))
        shown = re.search(r'<td class="num">\s*(?:<a class="mean-of"[^>]*>)?([+−]\d+\.\d)', row)
        assert shown is not None
        assert float(shown[1].replace("−", "-")) == pytest.approx(bidirectional - causal, abs=0.11)
    assert re.search(r"over \d+ tasks:<br>", none)  # of all tasks that the two share
    assert "over" not in supervised


@pytest.mark.parametrize("row", declared_contrasts().grid, ids=lambda row: row.training)
def test_every_row_has_a_declared_difference(row) -> None:
    declared = {(each.variant, each.against) for each in declared_contrasts().declared}
    assert (row.bidirectional, row.causal) in declared
    assert len(row.training) <= 12, "it is the name of a place on the axis of a narrow chart"
