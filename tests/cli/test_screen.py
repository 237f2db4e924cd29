"""How a run goes on a terminal, where there is none, and when nobody wants to know."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.cli import screen
from harness.encoder.reader import EncodingProgress

READINGS = [
    EncodingProgress(texts=10, all_texts=100, tokens=600, all_tokens=2_000, seconds=2.0),
    EncodingProgress(texts=50, all_texts=100, tokens=1_500, all_tokens=2_000, seconds=4.0),
]


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, quiet: bool) -> str:
    file = io.StringIO()
    monkeypatch.setattr(screen, "err", Console(file=file, force_terminal=terminal, width=150, highlight=False))
    with screen.RunScreen(2, quiet=quiet) as listener:
        listener.note("base mini: 1 system")
        listener.task("bidir", "MiniSTS", 1, 2)
        for reading in READINGS:
            listener.reading(reading)
        listener._progress.refresh()
    return file.getvalue()


def test_a_terminal_shows_texts_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown(monkeypatch, terminal=True, quiet=False)
    assert "base mini: 1 system" in found
    assert "bidir · MiniSTS" in found
    assert "50 of 100 texts, 12 texts/s; tokens" in found
    assert "1500/2000" in found
    assert "left" in found


def test_without_a_terminal_there_are_notes_and_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown(monkeypatch, terminal=False, quiet=False)
    assert "base mini: 1 system" in found
    assert "texts/s" not in found


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_says_nothing(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    assert shown(monkeypatch, terminal=terminal, quiet=True).strip() == ""


def test_a_pivot_has_a_row_for_each_label_and_a_gap_where_nothing_was_measured() -> None:
    cells = [(("STS",), "causal", "1"), (("WiC",), "bidir", "4"), (("STS",), "bidir", "2")]
    assert screen.pivot(["bidir", "causal"], cells) == [["STS", "2", "1"], ["WiC", "4", None]]


def test_the_help_of_harness_words_names_every_view() -> None:
    from typer.testing import CliRunner

    from harness.cli import app
    from harness.compare.word_views import VIEWS

    shown = CliRunner().invoke(app, ["words", "--help"], env={"COLUMNS": "200"}).stdout
    assert [name for name in VIEWS if f"{name}:" not in shown] == []
