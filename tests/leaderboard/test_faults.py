"""No page of a site has a fault, with one base and with two; each kind of fault is found where it is planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.outcomes import shown_texts
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, result_of
from tests.leaderboard.faults import KINDS, faults

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

PAGE = '<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>t</title></head>'
FAULTS = {
    "request": '<link rel="stylesheet" href="https://example.invalid/x.css">',
    "console": "<script>console.error('planted')</script>",
    "axe": "<button></button>",
    "link": '<a href="gone.html">gone</a>',
    "anchor": '<a href="index.html#gone">gone</a>',
    "alt": '<svg role="img" aria-hidden="true"></svg>',
    "number": '<table><tr><th>a</th></tr><tr><td class="num">(NaN to 3.0)</td></tr></table>',
    "overflow": '<div style="width: 900px">wide</div>',
}


def test_no_page_of_two_bases_has_a_fault(browser: Browser, tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    for base in ("mini-1x256-seed0", "mini-4x128-seed0"):  # of a declared axis
        for variant, skill in {"causal": 0.4, "bidir": 0.5, "bidir-mntp": 0.6}.items():
            run = add_system(store, variant, base=base, skill=skill, tasks=TASKS[1:])
            result = result_of(TASKS[0], skill=skill, seed=variant)
            ids = [str(each) for each in result.outcomes["example_id"]]
            texts = shown_texts(
                ids, [f"A long sentence that a reader of pair {i} has to read whole. ⟷ Another one." for i in ids]
            )
            store.add_result(run, replace(result, shown=texts))
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=TASKS[:2], proof=None)
    site = build_site(store, tmp_path / "site", resamples=200).parent
    assert (site / "axes" / "shape.html").is_file()
    assert not list(faults(browser, site))


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_fault_is_found(browser: Browser, axe: str, tmp_path: Path, kind: str) -> None:
    body = '<body><main><h1 id="a">t</h1><a href="#a">here</a><p>Nan-Chang information: none</p>{}</main></body></html>'
    page = tmp_path / "index.html"
    page.write_text(PAGE + body.format(""), "utf-8")
    assert not list(faults(browser, tmp_path, axe=axe))
    page.write_text(PAGE + body.format(FAULTS[kind]), "utf-8")
    assert any(f": {kind}" in each for each in faults(browser, tmp_path, axe=axe))
