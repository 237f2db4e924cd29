"""The built site in a real browser, from file://, as a reader opens it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium on the PATH; install Debian's package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    store = Store(folder / "results.duckdb")
    for variant in ("causal", "bidir", "bidir-mntp", "bidir-supcon"):
        add_system(store, variant, tasks=TASKS)
    return build_site(store, folder / "site", resamples=400).parent


def browse(chromium: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open `page` with no network at all and return what Chromium printed."""
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    offline = "--disable-component-update --disable-sync --proxy-server=127.0.0.1:9 --enable-logging=stderr --v=0"
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [chromium, *quiet.split(), *offline.split(), f"--user-data-dir={profile}", *options, page.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


def test_the_front_page_answers_first(chromium: str, site: Path) -> None:
    done = browse(chromium, site / "index.html", "--dump-dom")
    assert "bidir-supcon is better than causal on" in done.stdout
    assert "<svg" in done.stdout
    assert "CONSOLE" not in done.stderr


def test_every_page_renders_without_a_console_message(chromium: str, site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 4 + len(TASKS)
    for page in pages:
        done = browse(chromium, page, "--dump-dom")
        assert "<h1" in done.stdout, page.name
        assert "CONSOLE" not in done.stderr, f"{page.name}: {done.stderr}"


@pytest.mark.parametrize(("name", "width"), [("wide", 1280), ("narrow", 500)])
def test_the_style_is_applied_from_its_file(chromium: str, site: Path, tmp_path: Path, name: str, width: int) -> None:
    """A page without its stylesheet is another picture."""
    shots = []
    for folder in (site, shutil.copytree(site, tmp_path / "bare")):
        if folder != site:
            (folder / "assets" / "style.css").write_text("")
        shot = tmp_path / f"{len(shots)}-{name}.png"
        browse(chromium, folder / "index.html", f"--screenshot={shot}", f"--window-size={width},1500")
        shots.append(shot.read_bytes())
    assert shots[0][:8] == b"\x89PNG\r\n\x1a\n"
    assert shots[0] != shots[1]
