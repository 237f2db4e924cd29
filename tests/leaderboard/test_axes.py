"""The page of an axis: what was analysed stands there, in charts, tables and sentences; what is not known does not."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from harness.compare import current_entries
from harness.compare.axis.analysis import analyse_axis
from harness.compare.axis.facts import _pretraining
from harness.compare.axis.results import AxisAnalysis
from harness.compare.axis.wording import described, step_label
from harness.errors import HarnessError
from harness.mini.facts import FACTS
from harness.store import Store
from leaderboard import axes, text
from leaderboard.axes import beside_the_store, mean_panels, measured_axes, step_panels
from leaderboard.build import Draft, build_site
from leaderboard.environment import environment
from leaderboard.model import AxisSection, Site
from leaderboard.pages import PAGES
from leaderboard.views import make_site
from tests.compare.kit import labelled
from tests.factory import TASKS, add_system, rng_for
from tests.leaderboard.conftest import FEW, pretrained_folder


@pytest.fixture(scope="module")
def found(shapes: Store) -> AxisAnalysis:
    entries = current_entries(shapes)
    [(_, part)] = measured_axes(entries)
    return analyse_axis(shapes, part, entries=entries, resamples=FEW)


@pytest.fixture(scope="module")
def made(shapes: Store, found: AxisAnalysis) -> Site:
    """The site without its pages."""
    draft = Draft(shapes, shapes.path.parent / "none", resamples=FEW)
    return make_site(shapes, draft.entries, shapes.scores(), known={}, resamples=FEW, progress=None)


def rendered(made: Site, section: AxisSection) -> str:
    more = {"pages": PAGES, "root": "../", "here": "axes/shape.html", "title": "t", "said": "s", "url": ""}
    return environment().get_template("axis.html").render(site=made, section=section, **more)


@pytest.fixture(scope="module")
def page(across: Path) -> str:
    return (across / "axes" / "shape.html").read_text("utf-8")


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def cells(html: str, table: str) -> list[list[str]]:
    body = html.split(f'id="{table}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [
        [plain(cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


def test_every_interaction_stands_in_the_table_with_its_verdict(page: str, found: AxisAnalysis) -> None:
    rows = {(row[0], row[1], row[2]): row for row in cells(page, "interactions")}
    assert len(rows) == len(found.interactions)
    for each in found.interactions:
        row = rows[each.key.task, step_label(each.step), f"{each.level} − {each.against}"]
        metric = each.key.metric
        assert row[3:5] == [
            text.change(each.difference, metric),
            text.span(each.interval or each.spread, metric, signed=True),
        ]
        assert row[5].split()[1] == each.verdict
        assert row[6] == text.p_value(each.p_adjusted)
    assert {each.verdict for each in found.interactions} >= {"better", "undecided", "descriptive"}
    means = cells(page, "means")
    assert [row[5].split()[1] for row in means] == [m.verdict.verdict for m in found.means if m.verdict]


def test_the_sentences_of_the_terminal_stand_on_the_page(page: str, found: AxisAnalysis) -> None:
    said = plain(page)
    for sentence in described(found):
        assert sentence.replace("`", "") in said.replace("`", "")
    assert "cover the examples alone" in said


def test_charts_of_one_step_share_their_axis_and_mark_the_verdict(found: AxisAnalysis, made: Site) -> None:
    panels = {step.label: step.panels for step in step_panels(found, made.tasks)}
    assert list(panels) == ["bidir − causal", "bidir-mntp − bidir"]
    drawn = panels["bidir-mntp − bidir"]
    assert len(drawn) == 9
    ticks = {panel.unit: set() for panel in drawn}
    for panel in drawn:
        ticks[panel.unit].add(tuple(re.findall(r'class="tick left"[^>]*>([^<]+)<', str(panel.chart))))
    assert set(ticks) == {"", "bits_per_byte, lower is better"}
    assert all(len(of_unit) == 1 for of_unit in ticks.values())
    [task] = [panel for panel in drawn if panel.name == "MiniTask6"]
    effects = {e.level: e for e in found.effects if e.key.task == "MiniTask6" and e.step.variant == "bidir-mntp"}
    assert [cell.value for cell in task.cells if cell] == [effects[level].value for level in ("wide", "middle", "deep")]
    chart = str(task.chart)
    assert chart.count('class="span"') == 3
    assert re.findall(r'<g class="(\w+)">', chart) == ["score", task.cells[1].verdict, "better"]
    assert f"deep: {text.change(effects['deep'].value)}" in chart
    mean = mean_panels(found)[-1]
    assert mean.name == "bidir-mntp − bidir: mean over 7 tasks"
    assert [cell.verdict for cell in mean.cells if cell][-1] == "better"


def test_a_level_without_a_result_leaves_a_gap(found: AxisAnalysis, made: Site) -> None:
    less = replace(found, effects=tuple(e for e in found.effects if e.level != "middle"))
    panel = step_panels(less, made.tasks)[0].panels[0]
    assert panel.cells[1] is None
    assert str(panel.chart).count('class="way"') == 2


def test_facts_are_shown_where_they_are_known(page: str, made: Site, found: AxisAnalysis) -> None:
    said = plain(page)
    for known in ("1 × 1024", "1,200", "5.43 M", "0.988"):
        assert known in said
    assert "5 of the 9 bases of this axis are not measured yet: mini-1x256-seed2, mini-4x128-seed1," in said
    unknown = dict.fromkeys(("layers", "width", "parameters", "pretraining_tokens", "pretraining_bits"))
    bare = replace(found, facts=tuple(replace(each, **unknown) for each in found.facts))
    html = rendered(made, replace(made.axes[0], analysis=bare))
    head = plain(html.split("<thead>")[1].split("</thead>")[0])
    assert head.split() == ["Base", "Level", "Bits", "per", "byte", "Time"]


@pytest.mark.parametrize("damaged", ["{", '{"tokens": 5}', '"a"', ""])
def test_a_damaged_file_of_facts_says_nothing(tmp_path: Path, damaged: str) -> None:
    pretrained_folder(tmp_path / "base", layers=2)
    assert _pretraining(tmp_path / "base") == (5_432_000, 0.9876)
    (tmp_path / "base" / FACTS).write_text(damaged)
    assert _pretraining(tmp_path / "base") == (None, None)
    assert _pretraining(tmp_path) == (None, None)


def test_numbers_of_another_kind_say_nothing(tmp_path: Path) -> None:
    pretrained_folder(tmp_path / "base", layers=2)
    path = tmp_path / "base" / FACTS
    path.write_text(path.read_text().replace("5432000", '"many"').replace("0.9876", "NaN"))
    assert _pretraining(tmp_path / "base") == (None, None)


def test_a_site_is_made_again_when_the_facts_change(across: Path, shapes: Store) -> None:
    entries, scores = current_entries(shapes), shapes.scores()
    before = beside_the_store(entries, scores)
    moved = shapes.path.parent / "of-mini-16x64-seed0"
    moved.rename(shapes.path.parent / "elsewhere")
    try:
        assert beside_the_store(entries, scores) != before
        assert not Draft(shapes, across, resamples=FEW)._is_current
    finally:
        (shapes.path.parent / "elsewhere").rename(moved)
    assert Draft(shapes, across, resamples=FEW)._is_current


def test_links_and_downloads(across: Path, found: AxisAnalysis) -> None:
    front = (across / "index.html").read_text("utf-8")
    assert '<a href="axes/shape.html">shape</a>: depth in place of width, at equal parameters' in front
    base = next((across / "bases").glob("*.html")).read_text("utf-8")
    assert '<a href="../axes/shape.html">axis: shape</a>' in base
    table = pd.read_csv(across / "downloads" / "axis_interactions.csv")
    assert len(table) == len(found.interactions)
    assert list(table["against"].unique()) == ["causal", "bidir"]
    assert set(table["against_level"]) == {"wide"}
    assert len(pd.read_csv(across / "downloads" / "axis_effects.csv")) == len(found.effects)
    assert len(pd.read_csv(across / "downloads" / "axis_means.csv")) == len(found.means)
    assert set(pd.read_csv(across / "downloads" / "axis_bases.csv")["base"]) == {f.base for f in found.facts}


def test_the_same_at_a_width_is_a_section_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    bases = {"mini-1x256-seed0": 0.05, "mini-4x128-seed0": 0.1, "mini-16x64-seed0": 0.3}
    for base, gain in bases.items():
        pretrained_folder(tmp_path / base, layers=2)
        for variant, share in (("causal", 0.4), ("bidir", 0.42 + gain)):
            for name in (variant, f"{variant}@width=8", f"{variant}@width=1024", f"{variant}@width=2048"):
                where = {"base_revision": base, "folder": str(tmp_path / base)}
                run = add_system(store, name, base=base, card_hash=name, tasks=[], **where)
                store.add_result(run, labelled("MiniTask", rng_for(base, name).random(200) < share))
    site = build_site(store, tmp_path / "site", resamples=FEW).parent
    page = (site / "axes" / "shape.html").read_text("utf-8")
    said = plain(page)
    assert "The same, read at width 8 All vectors are read at width 8: a fixed" in said
    assert "The same, read at width 1024, the smallest of these bases" in said
    assert (
        "Not shown: mini-1x256-seed0 has vectors of 1024 numbers, so the axis shape cannot be read at width 2048"
        in said
    )
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert len(cells(page, "interactions")) == len(cells(page, "interactions8")) == 2
    assert cells(page, "interactions") != cells(page, "interactions8")
    entries = current_entries(store)
    [(_, part)] = measured_axes([entry for entry in entries if not entry.read_otherwise])
    narrow = analyse_axis(store, part, entries=entries, width=8, resamples=FEW)
    assert {row[3] for row in cells(page, "interactions8")} == {
        text.change(each.difference, each.key.metric) for each in narrow.interactions
    }
    table = pd.read_csv(site / "downloads" / "axis_interactions.csv")
    assert table["at_width"].isna().sum() == 2
    assert sorted(table["at_width"].dropna()) == [8, 8, 1024, 1024]
    assert "@width" not in (site / "index.html").read_text("utf-8")


def test_an_axis_of_one_level_has_no_page(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for base in ("mini-1x256-seed0", "mini-1x256-seed1", "other"):
        add_system(store, "causal", base=base, tasks=TASKS[:1])
    assert measured_axes(current_entries(store)) == []


def test_bases_that_contradict_their_axis_are_said_and_the_site_stands(
    shapes: Store, made: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> AxisAnalysis:
        raise HarnessError("the axis shape claims bases of equal size")

    monkeypatch.setattr(axes, "analyse_axis", refuse)
    [section] = axes.make_axes(
        shapes, current_entries(shapes), shapes.scores(), resamples=FEW, progress_of=lambda *_: None
    )
    assert section.analysis is None
    assert "Nothing is shown: the axis shape claims bases of equal size." in plain(rendered(made, section))
