"""Opens every page of a site as a reader would and lists what is wrong with it, a line a fault: kind, page, what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KINDS = ("request", "console", "axe", "link", "anchor", "alt", "number", "overflow")
NO_NUMBER = re.compile(r"[(\[]?[+−-]?(nan|none|null|undefined|inf|infinity|∞|\[object Object\])[)\],%]?", re.IGNORECASE)
FACTS = """() => ({
    links: [...document.querySelectorAll("[href], [src]")].map(n => n.getAttribute("href") || n.getAttribute("src")),
    ids: [...document.querySelectorAll("[id]")].map(n => n.id),
    nameless: [...document.querySelectorAll("img:not([alt]), svg[role=img]")].filter(n => n.tagName === "IMG" ||
        !(n.getAttribute("aria-label") || (n.querySelector("title") || {}).textContent))
        .map(n => n.outerHTML.slice(0, 60)),
    cells: [...document.querySelectorAll("td.num, svg text, .effect")].map(n => n.textContent.trim()),
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


def faults(browser: Browser, site: Path, *, axe: str = "") -> Iterator[str]:
    """Look at every page at 1280 and 380 px; `axe` is the source of axe-core, empty to leave its rules out."""
    site = site.resolve()
    facts: dict[Path, dict[str, Any]] = {}
    found: list[str] = []
    for width in (1280, 380):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, offline=True, reduced_motion="reduce", bypass_csp=bool(axe)
        )
        tab = context.new_page()
        _watch(tab, site, found)
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site)
            tab.goto(path.as_uri())
            seen = tab.evaluate(FACTS)
            facts[path] = seen
            found += [f"alt: {each}" for each in seen["nameless"]]
            found += [f"number: {cell}" for cell in seen["cells"] if any(map(NO_NUMBER.fullmatch, cell.split()))]
            found += [f"overflow: {seen['wider']} px"] if width == 380 and seen["wider"] > 0 else []
            if axe:
                tab.evaluate(axe)
                report = tab.evaluate("axe.run({resultTypes: ['violations'], preload: false})")
                found += [f"axe: {each['id']} at {width}" for each in report["violations"]]
            yield from (f"{name}: {fault}" for fault in dict.fromkeys(found))
            found.clear()
        context.close()
    for path, seen in facts.items():
        for link in dict.fromkeys(seen["links"]):
            if fault := _broken(link, path, site, facts):
                yield f"{path.relative_to(site)}: {fault}: {link}"


def _watch(tab: Page, site: Path, found: list[str]) -> None:
    tab.on("request", lambda r: _leaves(r.url, site) and found.append(f"request: leaves the folder: {r.url}"))
    tab.on("requestfailed", lambda r: found.append(f"request: failed: {r.url}"))
    tab.on("console", lambda m: m.type in ("error", "warning") and found.append(f"console: {m.text}"))
    tab.on("pageerror", lambda e: found.append(f"console: exception {e}"))


def _leaves(url: str, site: Path) -> bool:
    parts = urlsplit(url)
    inside = parts.scheme == "file" and Path(unquote(parts.path)).resolve().is_relative_to(site)
    return not inside and parts.scheme not in ("data", "blob")


def _broken(link: str, path: Path, site: Path, facts: dict[Path, dict[str, Any]]) -> str:
    parts = urlsplit(link)
    if parts.scheme:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(site) or not target.is_file():
        return "link"
    anchor = unquote(parts.fragment)
    return "anchor" if anchor and target in facts and anchor not in facts[target]["ids"] else ""
