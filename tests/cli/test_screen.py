"""How a run goes on a terminal, where there is none, and when nobody wants to know."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.bases import resolve_base
from harness.cards import load_cards
from harness.cli import screen, tables
from harness.cli.pulse import Pulse, left_words
from harness.encoder.reader import EncodingProgress
from harness.run.forecast import Forecast
from harness.training.lineage import plan_lineage
from harness.training.watch import Step

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


@pytest.mark.parametrize("quiet", [True, False])
def test_what_the_rooms_log_is_shown_once(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    file = io.StringIO()
    monkeypatch.setattr(screen, "err", Console(file=file))
    for _ in range(2):
        screen.prepare(quiet=quiet)
    logging.getLogger("harness").info("converting a.gguf into the cache, once")
    assert file.getvalue() == ("" if quiet else "converting a.gguf into the cache, once\n")


@pytest.mark.parametrize(("terminal", "left_s"), [(True, 9_000.0), (False, 9_000.0), (False, 500.0)])
def test_a_long_training_says_after_three_steps_how_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, left_s: float
) -> None:
    file = io.StringIO()
    monkeypatch.setattr(screen, "err", Console(file=file, force_terminal=terminal, width=250, highlight=False))
    [planned] = plan_lineage(resolve_base("mini"), load_cards(packaged=True)["bidir-mntp"].recipe_on("mini"), 0)
    with screen.RunScreen(2) as listener:
        on_step = listener.stage("bidir-mntp", planned)
        for done in range(1, 6):
            on_step(Step(done=done, total=1000, first=0, loss=None, examples_per_s=3.5, left_s=left_s))
    said = file.getvalue()
    assert "training mntp: 200 steps of 32 examples, at most 0.8 million tokens" in said
    announced = "mntp: 3 of 1000 steps, 4 examples/s, about 2 h left; lower steps, batch_size or max_length in the card"
    assert said.count(announced) == (left_s > 600)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (9_000, "2 h")]
)
def test_a_duration_has_the_largest_unit_of_which_there_are_two(seconds: float, said: str) -> None:
    assert screen.duration(seconds) == said


def drawn(made: tables.PlainTable, *, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(made)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_columns_that_do_not_fit_follow_in_a_further_table() -> None:
    """No cell is broken, no line is too long, and each table says which row is which."""
    headers = ("task", "metric", "causal", "95 % interval", "verdict")
    rows = [("MiniTopicClassification", "accuracy", "1.0", "+4.0 … +12.1", "better"), ("STS", "rho", "2", "–", None)]
    made = tables.table(headers, rows, right=(2, 3), keys=2)
    assert drawn(made, width=51) == [
        "task                     metric    causal",
        "MiniTopicClassification  accuracy     1.0",
        "STS                      rho            2",
        "",
        "task                     metric    95 % interval",
        "MiniTopicClassification  accuracy   +4.0 … +12.1",
        "STS                      rho                   –",
        "",
        "task                     metric    verdict",
        "MiniTopicClassification  accuracy  better",
        "STS                      rho       –",
    ]
    assert len(drawn(made, width=120)) == 3


def test_a_long_text_is_broken_between_its_words() -> None:
    said = "six checks; padding moves attention by little of its length"
    lines = drawn(tables.table(("what", "found"), [("packed_sdpa", said)]), width=40)
    assert len(lines) == 4
    assert " ".join(line[len("packed_sdpa  ") :] for line in lines[1:]) == said


def test_a_pivot_has_a_row_for_each_label_and_a_gap_where_nothing_was_measured() -> None:
    cells = [(("STS",), "causal", "1"), (("WiC",), "bidir", "4"), (("STS",), "bidir", "2")]
    assert tables.pivot(["bidir", "causal"], cells) == [["STS", "2", "1"], ["WiC", "4", None]]


def test_the_help_of_harness_words_names_every_view() -> None:
    from typer.testing import CliRunner

    from harness.cli import app
    from harness.compare.word_views import VIEWS

    shown = CliRunner().invoke(app, ["words", "--help"], env={"COLUMNS": "200"}).stdout
    assert [name for name in VIEWS if f"{name}:" not in shown] == []


def test_the_bar_names_what_is_at_work_and_not_what_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cell is begun before the end of the one before it is recorded."""
    monkeypatch.setattr(screen, "err", Console(file=io.StringIO(), force_terminal=True, width=80))
    measure, train = (
        SimpleNamespace(number=n, what=what, label="", task=None, stage=None)
        for n, what in enumerate(("causal · MiniSTS", "bidir-simcse (seed 0) · training mntp"))
    )
    with screen.RunScreen(2) as listener:
        listener._pulse = Pulse(Forecast(tasks={}, stages={}, opening=set()), tmp_path / "r.duckdb", None)
        said = []
        for what, cell in ((listener.begun, measure), (listener.begun, train), (listener.ended, measure)):
            what(cell)  # type: ignore[arg-type]
            said.append(listener._progress.tasks[0].description)
    assert said == ["causal · MiniSTS", "causal · MiniSTS and 1 more", "bidir-simcse (seed 0) · training mntp"]


def test_the_time_left_beside_a_bar_is_short() -> None:
    assert left_words(200, ["mntp"], short=True) == "more than 3 min"
    assert left_words(0, ["mntp"], short=True) == "not known yet"
    assert left_words(200, ["mntp"]).endswith("nothing like it was timed here: mntp")
