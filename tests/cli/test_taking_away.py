"""What a comparison looks like on terminals of two widths, and outside the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import comparison
from harness.cli.screen import _Console
from harness.store import Store
from tests.cli.conftest import Run
from tests.factory import FakeTask, add_system, one_transaction

TASKS = (FakeTask("MiniSTS", "spearman", 60), FakeTask("A_long_name_of_a_task", "accuracy", 40, "Classification"))


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("db") / "r.duckdb")
    with one_transaction(store):
        for variant, skill in (("causal", 0.2), ("bidir", 0.3), ("bidir-mntp", 0.8)):
            add_system(store, variant, skill=skill, tasks=TASKS)
    return store.path


def test_a_narrow_terminal_gets_the_columns_that_matter(
    harness: Run, db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "out", _Console(width=80))
    code, said, _ = harness("compare", "bidir-mntp", "causal", "--db", str(db))
    table = said.split("\n\n")[0]
    assert code == 0
    assert table.split()[:6] == ["task", "difference", "95", "%", "interval", "verdict"]
    assert max(map(len, said.splitlines()[:4])) <= 80
    assert "--wide shows examples" in said
    _, wide, _ = harness("compare", "bidir-mntp", "causal", "--db", str(db), "--wide")
    assert "MDE" in wide
    assert "--wide" not in wide
