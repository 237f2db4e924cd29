"""The examples that docs/tasks.md shows: they are read, and measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.suites.own import card_task
from harness.suites.own.propose import propose
from harness.suites.own.table import rows_of
from tests.suites.own.test_words import _two_repeats  # noqa: F401
from tests.suites.small import HashEncoder
from tests.suites.words.test_word_probes import Fake

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    ("name", "metric"),
    [("pairs", "spearman"), pytest.param("reviews", "accuracy", marks=pytest.mark.slow), ("words", "accuracy")],
)
def test_an_example_is_measured(name: str, metric: str) -> None:
    made = card_task(str(EXAMPLES / f"{name}.md"))
    score, *_ = made.run(Fake(causal=False) if made.card.kind.of_words else HashEncoder())  # type: ignore[arg-type]
    assert (score.key.task, score.key.metric) == (name, metric)
    assert score.shown
    assert len(score.shown) == score.outcomes["example_id"].nunique() == rows_of(made.card).n


@pytest.mark.parametrize("file", ["pairs.csv", "reviews.jsonl", "words.tsv"])
def test_the_card_of_an_example_is_the_one_that_is_proposed(file: str) -> None:
    found = propose(EXAMPLES / file)
    card = card_task(str(EXAMPLES / f"{found.path.stem}.md")).card
    assert (found.path.stem, found.type) == (card.task, card.type)
    assert f"columns: {{{', '.join(f'{role}: {name}' for role, name in card.columns.items())}}}" in found.text
