"""The built site in a real browser, from file:// with the network cut, as a reader opens it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.leaderboard.conftest import WIDE, Open

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def _names(page: Page) -> list[str]:
    """The variants that are shown, in their order."""
    rows = page.locator("#t0 tbody tr:not(.divider)")
    return [row.locator("th a").inner_text() for row in rows.all() if row.is_visible()]


def _until(page: Page, where: str, text: str) -> None:
    """Wait for a text; by the driver's own means, since the pages forbid scripts that are made of text."""
    from playwright.sync_api import expect

    expect(page.locator(where).first).to_contain_text(text)


def test_sorting_says_its_key_and_leaves_blanks_last(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    declared = _names(page)
    assert declared == ["causal", "bidir", "bidir-mntp", "bidir-supcon", "bag-of-words"]
    sort = page.locator("#t0 th[data-key=MiniTopic] button.sort")
    sort.focus()
    page.keyboard.press("Enter")
    variants = ["bidir-supcon", "bidir-mntp", "causal", "bidir"]
    assert _names(page)[:4] == variants
    assert page.locator("#t0 th[data-key=MiniTopic]").get_attribute("aria-sort") == "descending"
    assert "sorted by MiniTopic, best first" in page.locator(".tools .state").inner_text()
    assert "sorted by MiniTopic" in page.locator("#said").inner_text()
    page.keyboard.press("Enter")
    assert _names(page)[:4] == ["causal", "bidir-mntp", "bidir-supcon", "bidir"], "what is blank stays last"
    page.keyboard.press("Enter")
    assert _names(page) == declared
    assert page.locator("#t0 th[aria-sort]").count() == 0


def test_rank_sorts_by_its_lower_end_then_its_upper_then_the_mean(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    page.locator("#t0 th[data-key=rank]").click()
    shown = [row.locator("td").first.inner_text() for row in page.locator("#t0 tbody.variant tr").all()]
    ends = [[int(end) for end in re.findall(r"\d+", rank)] for rank in shown if rank != "–"]
    assert len(ends) > 1
    keys = [(each[0], each[-1]) for each in ends]
    assert keys == sorted(keys)
    means = [
        float(row.locator("td").nth(1).inner_text()) for row in page.locator("#t0 tbody.variant tr").all()[: len(ends)]
    ]
    assert all(a >= b for a, b, one, two in zip(means, means[1:], keys, keys[1:], strict=False) if one == two)


def test_filters_and_links_that_hold_the_state(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    ranks = page.locator("#t0 tbody tr:has-text('bidir-supcon') td").first.inner_text()
    page.get_by_label("Filter").fill("MNTP")
    assert _names(page) == ["bidir-mntp"]
    page.get_by_label("Filter").fill("")
    page.get_by_label("complete rows only").check()
    assert "bidir" not in _names(page)
    page.locator("select[data-does=columns]").select_option("type:STS")
    assert page.locator("#t0 th.task:visible").all_inner_texts()[0].startswith("MiniSTS")
    assert page.locator("#t0 th.task:visible").count() == 1
    page.locator("#t0 th[data-key=mean] button.sort").click()
    assert page.locator("#t0 tbody tr:has-text('bidir-supcon') td").first.inner_text() == ranks, "ranks do not move"
    shown, link = _names(page), page.url
    again = opened(ladder / "index.html")
    again.goto(link)
    assert _names(again) == shown
    assert again.get_by_label("complete rows only").is_checked()
    page.go_back()
    assert page.locator("#t0 th[aria-sort]").count() == 0
    page.get_by_text("Choose columns").click()
    page.get_by_role("checkbox", name="MiniSTS").uncheck()
    page.get_by_role("checkbox", name="Time").uncheck()
    assert page.locator("#t0 th[data-key=MiniSTS]:visible, #t0 th[data-key=time]:visible").count() == 0
    again.goto(page.url)
    again.reload()
    assert again.locator("#t0 th[data-key=time]:visible").count() == 0, "the choice is in the address"
    assert again.evaluate("window.scrollY") > 0, "a link with a table's state leads to the table"
    page.get_by_role("button", name="Reset").click()
    assert len(_names(page)) == 5


def test_from_a_number_to_its_examples_in_two_clicks_and_back(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    row = page.locator("#t0 tbody tr", has=page.get_by_role("rowheader", name="bidir-supcon"))
    row.locator("a.score").first.click()
    assert page.url.endswith("#mini--bidir-supcon")
    shown = page.locator("tr:target")
    assert shown.locator("th").inner_text() == "bidir-supcon"
    shown.get_by_role("link", name="examples").click()
    examples = page.locator("table.examples").first
    assert examples.is_visible()
    before = examples.locator("tbody tr").count()
    page.get_by_role("button", name="Load all").first.click()
    _until(page, "[data-examples] .state", "150 examples")
    assert examples.locator("tbody tr").count() == 150 > before
    page.get_by_label("Containing").first.fill(examples.locator("tbody th").first.inner_text())
    assert 1 <= examples.locator("tbody tr:visible").count() < before
    page.go_back()
    page.go_back()
    assert page.url.endswith("index.html")
    assert page.locator("h1").inner_text().startswith("What does each step")


def test_a_signature_is_copied(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "tasks" / "MiniSTS.html", permissions=["clipboard-read", "clipboard-write"])
    row = page.locator("tr#mini--bidir-supcon")
    row.locator("summary").click()
    row.get_by_role("button", name="Copy signature").click()
    _until(page, "#said", "Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    for part in ("task=MiniSTS", "base=mini@0123456789abcdef", "card=cccccccccccc", "dtype=float32", "device=cpu"):
        assert part in text
    row.get_by_role("button", name="Copy command").click()
    _until(page, "tr#mini--bidir-supcon button:nth-of-type(1) >> nth=1", "Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == "harness run --variant bidir-supcon --tasks MiniSTS --force"


def test_changed_examples_are_filtered_by_task_text_and_size(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "compare" / "mini--bidir-supcon--vs--causal.html")
    rows = page.locator("#flips tbody tr:visible")
    few = rows.count()
    page.locator("select[data-does=task]").select_option(label="MiniTopic")
    _until(page, "[data-flips] .state", "changed")
    assert {row.locator("td").first.inner_text() for row in rows.all()} == {"MiniTopic"}
    page.get_by_label("Change of at least").fill("0.9")
    sizes = [float(text.replace("−", "-")) for text in page.locator("#flips tbody td:last-child").all_inner_texts()]
    assert sizes
    assert all(abs(size) >= 0.9 for size in sizes)
    page.get_by_label("Containing").fill("no such text")
    assert rows.count() == 0
    page.get_by_label("Containing").fill("")
    page.get_by_label("Change of at least").fill("0")
    page.locator("select[data-does=task]").select_option("")
    assert rows.count() == few


def test_colours_follow_the_system_and_the_button(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html", color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.locator("button.theme").click()
    light = page.evaluate(paper)
    assert light != dark
    page.locator("button.theme").click()
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == dark, "what was chosen stays"
    page.locator("button.theme").click()
    assert page.evaluate(paper) == light


def _sites_pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


@pytest.mark.parametrize("width", [1280, 380])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_whole_and_accessible(
    opened: Open, ladder: Path, across: Path, axe: str, scheme: str, width: int
) -> None:
    page = opened(
        ladder / "index.html", color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    found = []
    of_axes = [across / "index.html", across / "axes" / "shape.html"]
    for path in [*_sites_pages(ladder), *of_axes]:
        page.goto(path.resolve().as_uri())
        assert page.locator("h1").count() == 1, path.name
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, f"{path.name} is {wider} px wider than the window"
        page.evaluate(axe)
        report = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
        found += [
            f"{path.name}: {each['id']} {[node['html'][:120] for node in each['nodes'][:3]]}"
            for each in report["violations"]
        ]
    assert not found


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_distractors_is_whole_and_accessible_when_all_of_it_is_open(
    opened: Open, distracted: Path, axe: str, scheme: str, width: int
) -> None:
    page = opened(
        distracted / "distractors.html", color_scheme=scheme, viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )  # fmt: skip
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.locator("table.made").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.evaluate(axe)
    report = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
    assert not [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in report["violations"]]


def test_nothing_moves_while_a_page_is_made(opened: Open, ladder: Path) -> None:
    page = opened(ladder / "index.html")
    shift = page.evaluate("""() => new Promise(done => {
        let sum = 0;
        new PerformanceObserver(list => list.getEntries().forEach(e => { sum += e.value; }))
            .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => done(sum), 500);
    })""")
    assert shift < 0.01


def test_the_pages_are_read_without_a_script(browser: Browser, ladder: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True, viewport=WIDE)
    page = context.new_page()
    page.goto((ladder / "index.html").resolve().as_uri())
    assert page.locator("#t0 tbody tr").count() == 6
    assert not page.locator(".way").first.is_visible()
    page.goto((ladder / "tasks" / "MiniSTS.html").resolve().as_uri())
    assert page.locator("table.examples tbody tr").count() == 30
    context.close()
