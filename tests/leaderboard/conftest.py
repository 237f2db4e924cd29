"""One store and its site for all tests that only read them, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, ladder_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FEW = 200
WIDE = {"width": 1280, "height": 900}
Open = Callable[..., "Page"]
MISSING = "add the dependency group `test` and Debian's package chromium"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The ladder in two seeds, a baseline that misses tasks, and a variant without a proof."""
    store = ladder_store(tmp_path_factory.mktemp("site") / "results.duckdb")
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=TASKS[:2], proof=None)
    add_system(store, "untested", tasks=TASKS[:1], proof=None)
    return store


@pytest.fixture(scope="session")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its site."""
    return build_site(store, tmp_path_factory.mktemp("out") / "site", resamples=FEW).parent


def _needs(found: object) -> None:
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no browser to drive: {MISSING}")
        pytest.skip(f"no browser to drive: {MISSING}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    _needs(path)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _needs(None)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, as the test dependency brings it."""
    try:
        import axe_playwright_python
    except ImportError:
        _needs(None)
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a variant that misses tasks and a baseline."""
    folder = tmp_path_factory.mktemp("browser")
    store = Store(folder / "results.duckdb")
    skills = {"causal": 0.42, "bidir": 0.45, "bidir-mntp": 0.55, "bidir-supcon": 0.72}
    for variant, skill in skills.items():
        add_system(store, variant, skill=skill, tasks=TASKS[:2] if variant == "bidir" else TASKS)
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=TASKS[:2], proof=None)
    return build_site(store, folder / "site", resamples=400).parent


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open a page that may ask for nothing but its own files and say nothing on the console."""
    said: list[str] = []
    contexts = []

    def open_page(path: Path, **options: Any) -> Page:
        options = {"viewport": WIDE, "offline": True, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: _watch(request.url, said))
        page.goto(path.resolve().as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said


def _watch(url: str, said: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        said.append(f"request: {url}")
