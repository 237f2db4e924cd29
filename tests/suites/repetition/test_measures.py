"""The measures of repetition on arrays whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from harness.sentences import split_sentences
from harness.suites.repetition import measures as m

RNG = np.random.default_rng(0)


def test_the_weights_of_a_sum_are_recovered() -> None:
    sentences = RNG.normal(size=(4, 32)) + 3  # alike, as vectors of texts are
    weights = np.array([[1, 1, 1, 1], [4.0, 1, 1, 2], [0, 0, 5, 0]])
    shares, fit = m.sentence_weights(weights @ sentences, sentences)
    np.testing.assert_allclose(shares, weights / weights.sum(1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(fit, 1)


def test_a_negative_weight_is_none_and_what_is_no_sum_does_not_fit() -> None:
    sentences = np.eye(3, 5)
    shares, fit = m.sentence_weights([[1, 1, -2, 0, 0], [1, 1, 0, 0, 2.0**0.5]], sentences)
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0], [0.5, 0.5, 0]])
    assert fit[1] == pytest.approx(0.5**0.5)


def test_weights_that_cannot_be_told_apart_are_not_given() -> None:
    same = np.ones((3, 8))
    near = same + 1e-6 * RNG.normal(size=same.shape)
    for sentences in (same, near, np.vstack([np.eye(2, 8), np.zeros((1, 8))])):
        shares, fit = m.sentence_weights(np.ones((2, 8)), sentences)
        assert np.isnan(shares).all()
        assert np.isnan(fit).all()
    shares, _ = m.sentence_weights(-np.ones((1, 8)), np.eye(3, 8))
    assert np.isnan(shares).all()  # no sentence has a weight


def test_the_slope_is_what_each_doubling_adds() -> None:
    times = (1, 2, 3, 4, 6, 8)
    assert m.per_doubling([0.3 * np.log2(k) - 1 for k in times], times) == pytest.approx(0.3)
    assert m.per_doubling([0.2] * 6, times) == pytest.approx(0)


def test_a_share_is_of_the_tokens_among_which_it_is() -> None:
    received = np.array([[4.0, 1, 2, 1], [1, 1, 1, 1]])
    chosen, among = np.array([True, True, False, False]), np.array([False, True, True, True])
    assert m.share_of_all(received, chosen, among).tolist() == pytest.approx([1 / 4, 1 / 3])


def test_sentences() -> None:
    assert split_sentences("It rained 3.5 mm.  'The dog\nran!' Who saw it") == [
        "It rained 3.5 mm.",
        "'The dog ran!'",
        "Who saw it",
    ]
    assert split_sentences("  ") == []
