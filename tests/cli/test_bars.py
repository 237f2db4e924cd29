"""The bars of a long command: counts and times are whole on a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.cli import screen


@pytest.mark.parametrize("width", [80, 120])
def test_counts_and_times_are_not_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(screen, "err", screen._Console(width=width, stderr=True, soft_wrap=True))
    bars = screen._Bars(description_first=True)._progress
    bars.add_task("bidir · MiniTopicClustering", total=9, completed=8, left=lambda: "about 12 min")
    bars.add_task("611 of 1,200 texts, 358 texts/s; tokens", total=18049, completed=10451)
    drawn = Console(width=width, file=io.StringIO())
    drawn.print(bars.get_renderable())
    first, second = drawn.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first.rstrip().endswith("left about 12 min")
    assert " 8/9 " in first
    assert "tokens" in second
    assert " 10451/18049 " in second
