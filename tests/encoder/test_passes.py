"""How texts are divided into passes: all of them, in order, within the budget, and evenly where passes run together."""

from __future__ import annotations

import numpy as np
import pytest

from harness.encoder.passes import packed_sizes, padded_sizes

LENGTHS = np.sort(np.random.default_rng(0).integers(1, 60, 500))[::-1]


def tokens_of(sizes: list[int], lengths: np.ndarray) -> list[int]:
    assert sum(sizes) == len(lengths)
    assert min(sizes) >= 1
    return [int(part.sum()) for part in np.split(lengths, np.cumsum(sizes)[:-1])]


@pytest.mark.parametrize("side_by_side", [1, 4])
@pytest.mark.parametrize("tokens", [1, 59, 1024, 10**6])
def test_every_pass_is_within_the_budget_or_one_text(tokens: int, side_by_side: int) -> None:
    sizes = packed_sizes(LENGTHS, tokens, side_by_side=side_by_side)
    for size, held in zip(sizes, tokens_of(sizes, LENGTHS), strict=True):
        assert held <= tokens or size == 1


def test_passes_are_even_and_a_multiple_of_those_side_by_side() -> None:
    total = int(LENGTHS.sum())
    held = tokens_of(packed_sizes(LENGTHS, 1024, side_by_side=4), LENGTHS)
    assert len(held) == -(-total // 4096) * 4
    assert max(held) - min(held) <= 60
    assert len(packed_sizes(LENGTHS, 1024)) == -(-total // 1024)


@pytest.mark.parametrize(("texts", "passes"), [(5, 1), (51, 1), (52, 2), (102, 2), (103, 4), (410, 8)])
def test_a_few_tokens_are_not_cut_smaller(texts: int, passes: int) -> None:
    assert len(packed_sizes(np.full(texts, 10), 1024, side_by_side=4)) == passes


def test_padding_counts_towards_the_budget() -> None:
    lengths = np.array([9, 5, 5, 4, 1])
    assert padded_sizes(lengths, 10) == [1, 2, 2]
    assert padded_sizes(lengths, 1) == [1] * 5
    assert padded_sizes(lengths, 100) == [5]
