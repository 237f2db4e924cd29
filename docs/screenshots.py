"""Photograph every page of a built site, light and dark, wide and narrow: one picture a page, in docs/site;
or its first screen alone, docs/front-page.png, which README.md shows of the study in docs/smollm2.md.

python docs/screenshots.py leaderboard/site
python docs/screenshots.py front SITE

Needs the dependency group `test` (Playwright) and Debian's package chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PAGES = {
    "front-page": "index.html",
    "table": "index.html#table",
    "system": "systems/mini--bidir-supcon.html",
    "task": "tasks/MiniWiCRight.html",
    "compare": "compare/mini--bidir-supcon--vs--bidir-mntp.html",
    "words": "words.html",
    "methods": "methods.html",
    "history": "history.html",
    "downloads": "downloads.html",
}
WIDE, NARROW, HEIGHT = 1280, 380, 1000
SHOTS = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))


def photograph(browser: Browser, page: Path, fragment: str, folder: Path) -> list[Path]:
    """Take the top of one page in all four ways."""
    taken = []
    for scheme, width in SHOTS:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT}, color_scheme=scheme, reduced_motion="reduce", offline=True
        )
        tab = context.new_page()
        tab.goto(page.as_uri() + fragment)
        tab.wait_for_timeout(200)
        path = folder / f"{scheme}-{width}.png"
        tab.screenshot(path=path)
        taken.append(path)
        context.close()
    return taken


def side_by_side(browser: Browser, pictures: list[Path], out: Path) -> None:
    """Put pictures beside each other at half their size."""
    sheet = pictures[0].parent / "sheet.html"
    drawn = "".join(f'<img src="{p.name}" width="{(WIDE if str(WIDE) in p.name else NARROW) // 2}">' for p in pictures)
    style = "body{margin:0;display:flex;gap:8px;background:#888}img{display:block}"
    sheet.write_text(f"<!doctype html><style>{style}</style>{drawn}", encoding="utf-8")
    tab = browser.new_page(viewport={"width": WIDE + NARROW + 24, "height": HEIGHT // 2})
    tab.goto(sheet.as_uri())
    tab.screenshot(path=out, type="jpeg", quality=80)
    tab.close()


def main(site: Path, out: Path) -> None:
    """Photograph the pages of `site` into `out`."""
    out.mkdir(exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, href in PAGES.items():
            path, _, fragment = href.partition("#")
            taken = photograph(browser, (site / path).resolve(), f"#{fragment}" if fragment else "", Path(folder))
            side_by_side(browser, taken, out / f"{name}.jpg")
            print(out / f"{name}.jpg")
        browser.close()


def first_screen(site: Path, out: Path) -> None:
    """Photograph the first screen of the front page of `site`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        size = {"width": WIDE, "height": 880}
        front = browser.new_page(viewport=size, device_scale_factor=0.75, color_scheme="light")
        front.goto((site / "index.html").resolve().as_uri())
        front.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    here = Path(__file__).parent
    if sys.argv[1] == "front":
        first_screen(Path(sys.argv[2]), here / "front-page.png")
    else:
        main(Path(sys.argv[1]), here / "site")
