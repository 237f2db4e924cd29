"""One store and its site for all tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, ladder_store

FEW = 200


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
