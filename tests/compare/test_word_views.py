"""Accuracy around the target word, divided by the accuracy at it."""

from __future__ import annotations

import pytest

from harness.compare.cells import Cell
from harness.compare.word_views import shares_of_target


def cell(task: str, value: float, variant: str = "causal") -> Cell:
    return Cell(
        base="mini", variant=variant, task=task, subset="default", metric="accuracy", value=value, low=None, high=None,
        n_examples=9, n_units=3, seeds=(None,),
    )  # fmt: skip


def test_shares_are_of_the_same_probe_and_variant() -> None:
    found = [cell("PBefore", 0.5), cell("PAt", 0.8), cell("PAfter", 0.6), cell("PAt", 0.5, "bidir")]
    found += [cell("PAfter", 0.75, "bidir"), cell("QBefore", 0.9)]
    shares = shares_of_target(found)
    assert shares.pop(("Q", "before", "causal")) is None
    assert shares == {
        ("P", "before", "causal"): pytest.approx(0.625),
        ("P", "after", "causal"): pytest.approx(0.75),
        ("P", "after", "bidir"): pytest.approx(1.5),
    }
