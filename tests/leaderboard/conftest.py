"""One store and its site for all tests that only read them, and a browser."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.mini.facts import FACTS, Facts
from harness.outcomes import TaskResult
from harness.store import Store
from leaderboard.build import build_site
from tests.compare.kit import labelled, result
from tests.factory import TASKS, add_system, ladder_store, result_of, rng_for
from tests.leaderboard.distracted import distracted_store

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


GAIN = {"mini-1x256-seed0": 0.05, "mini-1x256-seed1": 0.05, "mini-4x128-seed0": 0.1, "mini-16x64-seed0": 0.3}


def shape_store(folder: Path) -> Store:
    """Bases of the declared axis `shape`, of which a trained step gains most on the deepest; two have their files."""
    store = Store(folder / "results.duckdb")
    with store.together():
        for base, gain in GAIN.items():
            folder_of = folder / f"of-{base}"
            if base.endswith("seed0") and "4x" not in base:
                pretrained_folder(folder_of, layers=int(base.split("-")[1].split("x")[0]))
            for variant, share, bits in (("causal", 0.4, 1.2), ("bidir", 0.42, 1.9), ("bidir-mntp", 0.42 + gain, 1.6)):
                run = add_system(
                    store, variant, base=base, base_revision=folder_of.name, folder=str(folder_of), tasks=[],
                    seed=0 if variant == "bidir-mntp" else None,
                )  # fmt: skip
                for found in _of_shape(base, variant, share, bits, more=gain / 12 if variant == "bidir-mntp" else 0.0):
                    store.add_result(run, found)
    return store


def _of_shape(base: str, variant: str, share: float, bits: float, *, more: float) -> Iterator[TaskResult]:
    for i in range(7):
        ease = rng_for("ease", i).random(200) + 0.3 * rng_for(base, variant, i).random(200)
        yield labelled(f"MiniTask{i}", ease < np.quantile(ease, share + more * i))
    yield result_of(TASKS[3], skill=share, seed=(base, variant))
    size = rng_for("bytes").integers(20, 200, 60).astype(float)
    answers = size * bits * rng_for("bits", base, variant).uniform(0.9, 1.1, 60)
    found = result("RetentionBits", "bits_per_byte", {"gold_score": size, "predicted_score": answers}, 60)
    yield replace(found, task_type="Retention")


def pretrained_folder(folder: Path, *, layers: int) -> None:
    """A folder as a pretrained base leaves it, with few weights."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"num_hidden_layers": layers, "hidden_size": 1024}))
    weights = {"model.embed_tokens.weight": np.zeros((9, 4)), "model.layers.0.weight": np.zeros((40, 30))}
    save_file({name: of.astype(np.float32) for name, of in weights.items()}, folder / "model.safetensors")
    facts = Facts(
        settings={}, parameters=1200, tokens=5_432_000, seconds=9.0, loss=1.5, bits_per_byte=0.9876, losses=[[1, 1.5]]
    )
    (folder / FACTS).write_text(json.dumps(asdict(facts)))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return shape_store(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="session")
def across(shapes: Store) -> Path:
    """A site of several bases, with the page of an axis."""
    return build_site(shapes, shapes.path.parent / "site", resamples=FEW).parent


@pytest.fixture(scope="session")
def distracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the page of distractors."""
    store = distracted_store(tmp_path_factory.mktemp("distracted") / "results.duckdb")
    return build_site(store, store.path.parent / "site", resamples=FEW).parent


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
