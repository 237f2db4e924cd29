"""The history page, and the command that measures a score again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records import Provenance, Run, System
from harness.store import Store
from leaderboard import text
from leaderboard.build import build_site
from leaderboard.signatures import signature
from tests.factory import TASKS, add_system

FEW = 200


@pytest.mark.slow
def test_history_says_what_changed_and_what_moved(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:2], skill=0.3)
    add_system(store, "causal", tasks=TASKS[:1], skill=0.6, card_hash="d" * 12)
    build_site(store, tmp_path / "site", resamples=FEW)
    page = (tmp_path / "site" / "history.html").read_text("utf-8")
    assert page.count("first run") == 1
    assert "card: cccccccccccc → dddddddddddd" in page
    old, new = store.scores(current=False)["score"].iloc[[0, 2]]
    assert f"MiniSTS {text.change(new - old, 'spearman')}" in page


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("harness run --all --seeds 3", "harness run --variant bidir-mntp --seed 1 --tasks T --force"),
        (
            "harness run --base ./b --variant x --suite=words --data mntp=a.txt --db=my.duckdb --json",
            "harness run --base ./b --suite=words --data mntp=a.txt --variant bidir-mntp --seed 1 --tasks T --force",
        ),
        ("python script.py", "harness run --base mini --variant bidir-mntp --seed 1 --tasks T --force"),
        ("harness run 'unclosed", "harness run 'unclosed"),
    ],
)
def test_the_command_that_measures_again(command: str, again: str) -> None:
    system = System(base="mini", base_revision="r", variant="bidir-mntp", seed=1)
    run = Run(
        system_id=system.system_id,
        suite="mini",
        dtype="f",
        device="cpu",
        evaluation="1",
        provenance=Provenance(command=command),
    )
    row = dict.fromkeys(
        ("task", "split", "subset", "revision", "metric", "dtype", "device", "evaluation", "run_id"), "T"
    )
    assert signature({**row, "score": 0.5}, system, run).command == again
