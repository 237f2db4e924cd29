"""Charts: every point where it belongs, gaps as gaps, and an axis that ends where values end."""

import re

import pytest

from leaderboard.charts import Mark, Point, Series, curves, scale_of, strip, strip_scale
from leaderboard.charts.scatter import Spent, front, scatter


def test_an_axis_holds_every_value_and_no_impossible_one() -> None:
    scale = scale_of([83.0, 99.5, None], start=0, end=100, most=100.0)
    assert scale.low <= 83
    assert scale.high == 100.0
    assert scale_of([101.0], start=0, end=1, most=100.0).high > 101
    assert scale.at(scale.low) == 0
    assert scale.at(scale.high) == 100


def test_a_gap_is_not_bridged() -> None:
    both = Series(label="a<b", style=0, parts=((Point(-2, 50.0), Point(-1, 51.0)), (Point(1, 90.0, 88.0, 92.0),)))
    drawn = curves([both], title="t", across="x", up="y", ident="i", places=[-2, -1, 0, 1])
    assert drawn.count('<path class="way"') == 2
    assert drawn.count('<line class="span"') == 1, "no interval where none is known"
    assert "a<b" not in drawn
    assert "a&lt;b" in drawn


def test_a_strip_says_what_it_draws() -> None:
    mean = Mark(label="mean", value=4.0, low=-1.0, high=9.0, kind="mean", text="+4.0", title="mean over 2 tasks: +4.0")
    task = Mark(label="T", value=9.0, low=None, high=None, kind="better", text="+9.0", title="T: +9.0, better")
    scale = strip_scale([mean, task])
    drawn = strip(mean, [task], scale=scale, title="a − b", ident="i")
    assert "<desc" in drawn
    assert "mean over 2 tasks: +4.0; T: +9.0, better" in drawn
    x1, x2 = map(float, re.search(r'class="span" x1="([\d.]+)" x2="([\d.]+)"', drawn).groups())  # type: ignore[union-attr]
    assert (x1, x2) == (pytest.approx(scale.at(-1.0), abs=0.1), pytest.approx(scale.at(9.0), abs=0.1))


def test_the_front_joins_what_no_other_beats_in_cost_and_score() -> None:
    points = [
        Spent(label=f"v{i}", cost=x, score=y) for i, (x, y) in enumerate([(5, 50), (1, 40), (2, 30), (5, 60), (9, 60)])
    ]
    assert [each.label for each in front(points)] == ["v1", "v3"]
    drawn = scatter(points, title="t", across="s", up="points", ident="i")
    assert drawn.count("<circle") == 5
    assert drawn.count('class="name"') == 2
