"""What every test of a run has: two small tasks, cards whose training takes seconds, an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.store import Store
from tests.run.kit import SMALL
from tests.suites.small import add_suite, own_task
from tests.test_cards import write_card


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog knows two small tasks; the cards of a ninth variant train in four steps."""
    add_suite(monkeypatch, *map(own_task, SMALL.values()))
    stage = "{kind: %s, examples: 40, steps: 3, batch_size: 8, max_length: 16, learning_rate: 1.0e-3}"
    write_card(Path("model_cards"), "ninth", f"stages: [{stage % 'simcse'}]\nstep_from: causal\n")
    write_card(Path("model_cards"), "tenth", f"stages: [{stage % 'simcse'}, {stage % 'supcon'}]\nstep_from: ninth\n")


@pytest.fixture
def store() -> Store:
    return Store(Path("results.duckdb"))
