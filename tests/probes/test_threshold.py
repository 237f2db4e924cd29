"""The threshold probe against trying every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.probes.threshold import best_threshold, threshold_out_of_fold


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 8, size=30) / 7  # with ties
    positive = rng.random(30) < 0.2 + 0.6 * values
    tried = [((values > t) == positive).mean() for t in np.linspace(-1, 2, 301)]
    assert ((values > best_threshold(values, positive)) == positive).mean() == pytest.approx(max(tried))


def test_each_fold_is_judged_by_the_others() -> None:
    values = np.array([0.1, 0.9, 0.1, 0.9])
    positive = np.array([False, True, True, False])  # the second fold is the wrong way round
    predicted = threshold_out_of_fold(values, positive, np.array([0, 0, 1, 1]))
    assert predicted[2:].tolist() == [False, True]
    assert len(set(predicted[:2])) == 1


def test_equal_values_get_equal_answers() -> None:
    values = np.repeat([0.3, 0.7], 10)
    positive = np.tile([True, False], 10)
    predicted = threshold_out_of_fold(values, positive, np.arange(20) // 2 % 5)
    assert (predicted == positive).mean() == 0.5


def test_bad_input_is_named() -> None:
    with pytest.raises(HarnessError, match="finite"):
        threshold_out_of_fold(np.array([np.nan, 1.0]), np.array([True, False]), np.array([0, 1]))
    with pytest.raises(HarnessError, match="two folds"):
        threshold_out_of_fold(np.array([0.0, 1.0]), np.array([True, False]), np.array([0, 0]))
