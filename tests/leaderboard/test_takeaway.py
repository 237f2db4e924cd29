"""Figures and tables that are taken from the pages: what is in the files."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system
from tests.leaderboard.conftest import Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAIR = "compare/mini--bidir-supcon--vs--causal.html"
SVG = "{http://www.w3.org/2000/svg}"


def saved(page: Page, where: str, kind: str) -> bytes:
    """What the button of that kind saves."""
    with page.expect_download() as download:
        page.locator(f"{where} .take button", has_text=kind).first.click()
    return download.value.path().read_bytes()


def table(page: Page, kind: str) -> str:
    with page.expect_download() as download:
        page.locator(".scroll:has(#t0) + .take button", has_text=kind).click()
    return download.value.path().read_text("utf-8")


@pytest.mark.browser
def test_a_figure_is_right_outside_the_page(opened: Open, ladder: Path) -> None:
    page = opened(ladder / PAIR, color_scheme="dark", has_touch=True, is_mobile=True)
    button = page.locator("figure .take button").first
    assert button.is_visible()
    assert float(button.evaluate("n => getComputedStyle(n).opacity")) == 1, "nobody hovers on a touch screen"
    dark = ElementTree.fromstring(saved(page, "figure", "SVG"))
    assert page.evaluate("document.documentElement.dataset.theme") is None, "the page keeps its colours"
    assert dark.find(f"{SVG}rect").get("fill") == "#ffffff"  # type: ignore[union-attr]
    words = dark.findall(f".//{SVG}text")
    assert {"MiniSTS", "▲ better"} <= {" ".join((word.text or "").split()) for word in words}
    assert all(word.get("font-family") and word.get("font-size") for word in words)
    assert all(sum(map(int, re.findall(r"\d+", word.get("fill") or "")[:3])) < 450 for word in words), "dark on white"
    assert not [each for each in dark.iter() if each.get("class")], "no style sheet is needed"
    light = ElementTree.fromstring(saved(opened(ladder / PAIR, has_touch=True, is_mobile=True), "figure", "SVG"))
    assert ElementTree.tostring(light) == ElementTree.tostring(dark)
    assert saved(page, "figure", "PNG").startswith(b"\x89PNG")


@pytest.mark.browser
def test_the_ladder_is_a_figure_with_its_steps(opened: Open, ladder: Path) -> None:
    drawn = ElementTree.fromstring(saved(opened(ladder / "index.html"), "[data-figure]", "SVG"))
    said = " ".join("".join(each.itertext()) for each in drawn.findall(f"{SVG}text"))
    for words in ("bidir-mntp", "bidir-supcon", "supervised contrastive training", "95 % interval"):
        assert words in said
    assert len(drawn.findall(f"{SVG}svg")) >= 3, "a strip a step, and the axis"


@pytest.mark.browser
def test_a_table_is_saved_as_it_is_shown(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    whole = list(csv.reader(io.StringIO(table(page, "CSV"))))
    assert "MiniSTS verdict" in whole[0]
    assert table(page, "Markdown").count("Not all rows and columns") == 0
    page.locator("#t0 th[data-key=MiniSTS] button.sort").click()
    page.get_by_label("Filter").fill("bidir")
    page.locator("select[data-does=columns]").select_option(label="STS")
    rows = list(csv.DictReader(io.StringIO(table(page, "CSV"))))
    assert [row["Variant"].split(" (")[0] for row in rows[:-1]] == ["bidir-supcon", "bidir-mntp", "bidir"]
    assert rows[0]["MiniSTS verdict"] == "better"
    assert "MiniTopic" not in rows[0]
    shown = page.locator("#t0 tbody tr:visible a.score:visible").first.inner_text()
    assert rows[0]["MiniSTS"] == shown
    said = table(page, "Markdown")
    assert f"| {shown} ▲ |" in said
    for words in (
        "adjusted by max-T over",
        "Training seeds: none needed for",
        "Examples: ",
        "Not all rows and columns",
    ):
        assert words in said
    latex = table(page, "LaTeX")
    assert f"& {shown}$^{{\\uparrow}}$" in latex
    assert r"\toprule" in latex
    assert r"$\uparrow$ better" in latex
    page.get_by_label("intervals").check()
    assert "MiniSTS interval" in table(page, "CSV").splitlines()[0]


@pytest.mark.browser
def test_a_spreadsheet_runs_nothing(opened: Open, tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for variant in ("causal", '=HYPERLINK("x")', "+1-2"):
        add_system(store, variant, tasks=TASKS[:1])
    page = opened(build_site(store, tmp_path / "site", resamples=50))
    names = [row[0].split(" (")[0] for row in csv.reader(io.StringIO(table(page, "CSV")))]
    assert {"causal", "'=HYPERLINK", "'+1-2"} <= {name.split('("')[0] for name in names}


def test_the_citation_names_the_database(site: Path) -> None:
    page = (site / "downloads.html").read_text("utf-8")
    digest = hashlib.sha256((site / "downloads" / "results.duckdb").read_bytes()).hexdigest()
    assert f"@misc{{harness-{digest[:12]}," in page
    assert f"SHA-256 {digest}" in page
    assert "encoder-harness 0.1.0" in page


def test_links_to_a_site_have_a_picture(store: Store, tmp_path: Path) -> None:
    page = build_site(store, tmp_path / "site", resamples=50, url="https://example.org/board").parent
    index = (page / "index.html").read_text("utf-8")
    assert '<meta property="og:image" content="https://example.org/board/assets/share.png">' in index
    assert (page / "assets" / "share.png").read_bytes().startswith(b"\x89PNG")
    said = [
        re.findall('<meta name="description" content="([^"]*)">', p.read_text("utf-8")) for p in page.rglob("*.html")
    ]
    assert all(len(each) == 1 and each[0].strip() for each in said)
