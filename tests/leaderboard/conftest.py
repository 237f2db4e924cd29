"""One store and its site for all tests that only read them, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, ladder_store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FEW = 200
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
