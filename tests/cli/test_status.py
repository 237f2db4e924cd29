"""`harness status`: what a run that is at work, and one that was killed, look like from another terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import pulse
from harness.cli.pulse import Pulse, left_words
from harness.run.forecast import Forecast
from harness.run.status import status_file


def test_a_run_is_seen_while_it_lasts(harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_WRITE_S", 0.01)
    monkeypatch.setattr(pulse, "_SAY_S", 0.02)
    said: list[str] = []
    assert harness("status")[1] == "No run is at work on results.duckdb.\n"
    found = Forecast(tasks={("bidir", "MiniSTS"): 10, ("bidir", "New"): None}, stages={}, opening=set())
    found.task_s["MiniSTS"] = 300.0
    beat = Pulse(found, Path("results.duckdb"), said.append)
    beat.doing = "bidir · MiniSTS"
    while not any("MiniSTS" in line for line in said):
        pass
    out = harness("status")[1]
    assert "running" in out
    line = "0 of 2 tasks measured; now bidir · MiniSTS; time left more than 5 min; not known yet, because nothing"
    assert line in out
    assert line in said[-1]
    [status] = json.loads(harness("status", "--json")[1])
    assert (status["state"], status["unknown"], status["tasks"]) == ("running", ["New"], [0, 2])
    kept = status_file(Path("results.duckdb")).read_text()
    beat.stop()
    assert list(Path.cwd().glob(".results*")) == []
    status_file(Path("results.duckdb")).write_text(
        kept.replace(f'"started_at": "{status["started_at"]}"', '"started_at": "1"')
    )
    assert "was killed; the same command continues" in harness("status")[1]
    assert harness("status", "--sweep")[1] == "No run is at work on results.duckdb.\n"


@pytest.mark.parametrize(
    ("seconds", "unknown", "words"),
    [
        (600, (), "about 10 min"),
        (600, ("New",), "more than 10 min; not known yet, because nothing like it was timed here: New"),
        (0, ("A", "B", "C", "D"), "not known yet, because nothing like it was timed here: A, B, C and 1 more"),
    ],
)
def test_the_time_left_says_what_it_does_not_know(seconds: float, unknown: tuple[str, ...], words: str) -> None:
    assert left_words(seconds, unknown) == words
