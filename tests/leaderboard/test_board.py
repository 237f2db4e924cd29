"""The main table: means by type, shades and the matrix, against the store and the ranks."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare import current_entries
from harness.store import Store
from leaderboard.board import SHADES, Board, make_board
from leaderboard.model import BaseSection
from leaderboard.text import breakable, count
from leaderboard.views import make_site
from tests.factory import FakeTask, add_system

TOPICS = [FakeTask(f"Topic{i}", "accuracy", 80, "Classification") for i in range(6)]
TASKS = [*TOPICS, FakeTask("Norms", "pearson", 80, "Regression")]
SKILLS = {"causal": 0.3, "bidir": 0.32, "bidir-mntp": 0.9}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, BaseSection, Board]:
    store = Store(tmp_path_factory.mktemp("board") / "results.duckdb")
    for variant, skill in SKILLS.items():
        add_system(store, variant, skill=skill, tasks=TASKS)
    add_system(store, "bidir-supcon", tasks=TASKS[1:])
    [base] = make_site(store, current_entries(store), store.scores(), known={}, resamples=99, progress=None).bases
    return store, base, make_board(base, {})


@pytest.mark.slow
def test_a_type_has_the_mean_of_its_tasks_where_all_were_measured(made: tuple[Store, BaseSection, Board]) -> None:
    store, base, board = made
    topics, norms = board.groups
    assert (topics.name, topics.averaged, topics.width) == ("Classification", True, 7)
    assert (norms.averaged, norms.width) == (False, 1)
    scores = store.scores().query("task_type == 'Classification'")
    for row in base.rows:
        mine = scores[scores["variant"] == row.entry.variant]["score"]
        mean = topics.mean(row)
        assert mean is None if len(mine) < 6 else mean == pytest.approx(float(np.mean(mine)))


@pytest.mark.slow
def test_the_best_of_a_column_is_darkest_and_the_worst_is_plain(made: tuple[Store, BaseSection, Board]) -> None:
    _, base, board = made
    for task in base.columns:
        scored = {
            row.key: cell.score.score for row in base.rows for cell in row.cells if cell.task == task and cell.score
        }
        shades = {row.key: board.shade(row, task.key) for row in base.rows}
        assert shades[max(scored, key=lambda key: scored[key])] == f" h{SHADES - 1}"
        assert shades[min(scored, key=lambda key: scored[key])] == " h0"
        assert all((shades[key] != "") == (key in scored) for key in shades)


@pytest.mark.slow
def test_the_matrix_says_what_the_letters_say(made: tuple[Store, BaseSection, Board]) -> None:
    _, base, board = made
    said = {
        (row.entry.variant, base.rows[i].entry.variant): cell.verdict
        for row, cells in board.matrix
        for i, cell in enumerate(cells)
        if cell
    }
    assert said["bidir-mntp", "causal"] == "better"
    assert said["bidir", "causal"] == "undecided"
    assert said["bidir-supcon", "bidir-mntp"] == "", "without a rank there is no verdict"
    assert len(said) == 6
    assert board.n_tested == 3


def test_names_break_between_words_and_counts_are_short() -> None:
    assert breakable("MiniAnimacyBefore") == "Mini<wbr>Animacy<wbr>Before"
    assert breakable("a_<b>") == "a_&lt;b&gt;"
    assert [count(n) for n in (None, 812, 81_540, 1_234_567)] == ["–", "812", "81.5 k", "1.23 M"]
