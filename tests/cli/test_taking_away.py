"""What a comparison looks like on terminals of two widths, and outside the terminal."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

from harness.cli import comparison
from harness.cli.screen import _Console
from harness.store import Store
from tests.cli.conftest import Run
from tests.factory import FakeTask, add_system

TASKS = (FakeTask("MiniSTS", "spearman", 60), FakeTask("A_long_name_of_a_task", "accuracy", 40, "Classification"))


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("db") / "r.duckdb")
    with store.together():
        for variant, skill in (("causal", 0.2), ("bidir", 0.3), ("bidir-mntp", 0.8)):
            add_system(store, variant, skill=skill, tasks=TASKS)
    return store.path


def test_a_narrow_terminal_gets_the_columns_that_matter(
    harness: Run, db: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "out", _Console(width=80))
    code, said, _ = harness("compare", "bidir-mntp", "causal", "--db", str(db))
    title, table, note = said.split("\n\n")[:3]
    assert code == 0
    assert title == "bidir-mntp − causal"
    assert table.split()[:6] == ["task", "difference", "95", "%", "interval", "verdict"]
    assert max(map(len, (*table.splitlines(), *note.splitlines()))) <= 80
    assert note.startswith("--wide also shows examples")
    _, wide, _ = harness("compare", "bidir-mntp", "causal", "--db", str(db), "--wide")
    assert "MDE" in wide
    assert "--wide" not in wide


def test_a_table_for_a_paper_has_marks_and_says_what_they_rest_on(harness: Run, db: Path) -> None:
    code, said, _ = harness("table", "--format", "latex", "--db", str(db))
    assert code == 0
    assert r"A\_long\_name\_of\_a\_task & " in said
    assert r"Task & causal & bidir & bidir-mntp \\" in said
    assert r"$^{\uparrow}$ \\" in said
    for words in ("booktabs", "adjusted by max-T over", "Training seeds: none needed for", "Examples: 40 to 60 in a"):
        assert words in said
    _, said, _ = harness("table", "--variant", "bidir-mntp", "--tasks", "MiniSTS", "--db", str(db))
    assert said.splitlines()[:2] == ["| Task | causal | bidir-mntp |", "| --- | ---: | ---: |"]
    assert " ▲ |" in said
    _, said, _ = harness("table", "--variant", "bidir-mntp", "--format", "csv", "--db", str(db))
    rows = list(csv.DictReader(io.StringIO(said)))
    assert [(row["variant"], row["task"]) for row in rows] == [
        ("bidir-mntp", "A_long_name_of_a_task"), ("bidir-mntp", "MiniSTS"),
    ]  # fmt: skip
    assert rows[1]["verdict"] == "better"
    code, _, err = harness("table", "--format", "word", "--db", str(db))
    assert (code, "there is no format 'word'" in err) == (2, True)


def test_a_figure_needs_matplotlib_and_says_so(harness: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = harness("figure", "ladder", "--out", "ladder.pdf", "--db", str(db))
    assert (code, "pip install 'encoder-harness[figures]'" in err) == (2, True)
    for words, sentence in (
        (("ladder", "--out", "x.docx"), ".pdf, .svg, .png"),
        (("ladr", "--out", "x.pdf"), "ladder"),
    ):
        code, _, err = harness("figure", *words, "--db", str(db))
        assert (code, sentence in err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "begins"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_figure_is_the_same_file_each_time(harness: Run, db: Path, suffix: str, begins: bytes) -> None:
    pytest.importorskip("matplotlib")
    made = []
    for name in ("a", "b"):
        code, _, err = harness("figure", "ladder", "--out", f"{name}.{suffix}", "--db", str(db))
        assert (code, err) == (0, "")
        made.append(Path(f"{name}.{suffix}").read_bytes())
    assert made[0] == made[1]
    assert made[0].startswith(begins)
    if suffix == "svg":
        assert b"bidir-mntp" in made[0], "text stays text"
    code, _, err = harness("figure", "dose", "--out", "dose.pdf", "--db", str(db))
    assert (code, "make some with `harness dose`" in err) == (2, True)
