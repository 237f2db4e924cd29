"""The embedded default as an instrument: the whole ladder, one seed, and what must be true of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.cards import load_cards, of_all
from harness.store import Store
from harness.suites.mini import TASKS
from tests.whole.conftest import Command

pytestmark = pytest.mark.slow

CARDS = {name: card for name, card in load_cards().items() if name in of_all(load_cards())}
CHANCE = {"MiniAnimacyBefore": 1 / 2, "MiniDomainBefore": 1 / 12}
ALL = ("MiniSTS", *CHANCE)  # of every variant; the first command measures all tasks of three systems
FIRST = ("bag-of-words", "causal", "bidir-supcon")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(tmp_path_factory.mktemp("ladder"))
    first = command("run", "--variant", "bidir-supcon")
    assert "bidir-supcon is better than causal on" in first.stdout
    assert Path(command.folder, "leaderboard", "site", "index.html").is_file()
    assert "Nothing to measure" in command("run", "--variant", "bidir-supcon").stderr
    command("run", "--all", "--tasks", ",".join(ALL))
    return command


@pytest.fixture(scope="module")
def scores(ladder: Command) -> pd.DataFrame:
    """Score by task (rows) and variant (columns)."""
    frame = Store(ladder.folder / "results.duckdb").scores()
    return frame.pivot(index="task", columns="variant", values="score")


def test_every_variant_has_its_tasks(scores: pd.DataFrame) -> None:
    assert set(scores.columns) == {*CARDS, "bag-of-words"}
    assert set(scores.index) == {entry.name for entry in TASKS}
    assert scores.loc[list(ALL)].notna().all(axis=None)
    assert scores[list(FIRST)].notna().all(axis=None)


def test_before_the_target_causal_is_at_chance_and_what_sees_it_far_above(scores: pd.DataFrame) -> None:
    for task, chance in CHANCE.items():
        for variant, card in CARDS.items():
            score = scores.loc[task, variant]
            twice = any(each.copies > 1 for each in card.recipe.templates)  # a second copy has seen all of the first
            if card.recipe.attention == "causal" and not twice:
                assert score == pytest.approx(chance, abs=0.03), (task, variant)
            elif card.recipe.weights == "pretrained":
                assert score > chance + 0.15, (task, variant)


def test_no_task_is_at_its_ceiling_or_its_floor_for_all(scores: pd.DataFrame) -> None:
    variants = [name for name in CARDS if name != "random"]  # the scores that are not there are left out
    for task in scores.index:
        row, floor = scores.loc[task, variants], scores.loc[task, "bag-of-words"]
        assert row.min() <= 0.97, task
        assert row.max() >= floor + 0.03, task


def test_every_stored_score_is_recomputed(ladder: Command) -> None:
    said = ladder("verify").stdout
    systems = len(CARDS) + 1  # bag-of-words is the one more
    stored = len(FIRST) * len(TASKS) + (systems - len(FIRST)) * len(ALL)
    assert said.startswith(f"{stored} of {stored} stored scores equal")


def test_compare_any_two(ladder: Command) -> None:
    said = ladder("compare", "bidir-supcon", "causal-supcon").stdout
    assert "bidir-supcon is better than causal-supcon on" in said
