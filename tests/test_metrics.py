"""Every metric against a value worked by hand, and how it is read."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.metrics import METRICS, get_metric, score_outcomes
from harness.metrics.f1 import write_set
from harness.outcomes import make_outcomes


def rows(gold: list[float], predicted: list[float]):
    ids = [str(i) for i in range(len(gold))]
    return make_outcomes({"example_id": ids, "gold_score": gold, "predicted_score": predicted}, len(gold))


@pytest.mark.parametrize(
    ("metric", "gold", "predicted", "score"),
    [
        ("bits_per_byte", [10, 30], [20, 20], 1.0),  # 40 bits over 40 bytes, not the mean of 2 and 2/3
        ("perplexity", [1, 3], [math.log(2), 3 * math.log(2)], 2.0),
        ("perplexity", [1, 1], [math.log(2), math.log(8)], 4.0),
        ("distinct_2", [4, 4], [2, 4], 0.75),
        ("repeated_4", [4, 12], [0, 4], 0.25),
        ("largest_change", [7, 9], [0, 0.5], 0.5),
        # Manning et al. 2008, section 8.4: relevant at ranks 1, 3 and 4
        ("average_precision", [1, 0, 1, 1], [0.9, 0.8, 0.7, 0.6], (1 + 2 / 3 + 3 / 4) / 3),
        ("average_precision", [1, 0], [0.5, 0.5], 0.5),  # a tie is entered at once
        ("ndcg_at_10", [1, 1, 1], [1, 0.5, 0.5], 0.66667),  # rounded, as mteb's
        ("mrr_at_5", [1, 1, 1], [1, 0.5, 0.5], 2 / 3),  # not rounded, as mteb's
    ],
)
def test_scores_worked_by_hand(metric: str, gold: list[float], predicted: list[float], score: float) -> None:
    assert score_outcomes(metric, rows(gold, predicted)) == pytest.approx(score, abs=1e-12)


def test_macro_f1_worked_by_hand() -> None:
    """Class a: precision 1, recall 1/2; b: precision 1/2, recall 1; c is only predicted: 0."""
    columns = {"example_id": ["1", "2", "3", "4"], "gold_label": [*"aabb"], "predicted_label": [*"abbc"]}
    b = 2 * 0.5 * 0.5 / (0.5 + 0.5)
    assert score_outcomes("macro_f1", make_outcomes(columns, 4)) == pytest.approx((2 / 3 + b + 0) / 3)


def test_weighted_f1_worked_by_hand() -> None:
    """The same answers: a has F1 2/3 and b 1/2, each for two of the four examples; c for none."""
    columns = {"example_id": ["1", "2", "3", "4"], "gold_label": [*"aabb"], "predicted_label": [*"abbc"]}
    assert score_outcomes("weighted_f1", make_outcomes(columns, 4)) == pytest.approx((2 / 3 + 0.5) / 2)


def test_f1_of_sets_worked_by_hand() -> None:
    """Label a: once right of twice told and once asked, F1 2/3; b: never told, 0; c is asked of none and no class."""
    gold, said = (["a"], ["b"], [], ["b"]), (["a"], ["a", "c"], [], [])
    columns = {
        "example_id": ["1", "2", "3", "4"],
        "gold_label": list(map(write_set, gold)),
        "predicted_label": list(map(write_set, said)),
    }
    assert score_outcomes("multilabel_f1", make_outcomes(columns, 4)) == pytest.approx((2 / 3 + 0) / 2)


def test_f1_of_spans_worked_by_hand() -> None:
    """Two spans of three are found, one of them as another kind, beside one that is none: 2 × 1 / (3 + 3)."""
    gold, said = (["0-2:PER", "4-5:LOC"], ["1-2:LOC"], []), (["0-2:PER"], ["1-2:PER"], ["0-1:PER"])
    columns = {
        "example_id": ["1", "2", "3"],
        "gold_label": list(map(write_set, gold)),
        "predicted_label": list(map(write_set, said)),
    }
    assert score_outcomes("span_f1", make_outcomes(columns, 3)) == pytest.approx(1 / 3)


def test_cells_and_trials_weigh_the_same_in_any_order() -> None:
    """The mean over trials of the mean over cells of layer and position, however many rows each has."""
    rng = np.random.default_rng(0)
    n = 400
    columns = {
        "example_id": [str(i) for i in range(n)],
        "trial": rng.choice([0, 1, 5], n),
        "layer": pd.array(rng.integers(0, 40, n), dtype="Int32").astype(object),
        "position": [position if position else pd.NA for position in rng.integers(-3, 4, n).tolist()],
        "gold_label": rng.choice([*"ab"], n),
        "predicted_label": rng.choice([*"ab"], n),
    }
    rows = make_outcomes(columns, n)
    right = (rows["gold_label"] == rows["predicted_label"]).astype(float)
    cells = right.groupby([rows["trial"], rows["layer"], rows["position"]], dropna=False).mean()
    assert score_outcomes("accuracy", rows) == pytest.approx(cells.groupby("trial").mean().mean(), abs=1e-12)


def test_a_ratio_over_nothing_is_refused() -> None:
    with pytest.raises(HarnessError, match="not defined"):
        score_outcomes("average_precision", rows([1, 1], [0.5, 0.4]))
    with pytest.raises(HarnessError, match="not defined"):
        score_outcomes("bits_per_byte", rows([0, 0], [1, 1]))


def test_lower_is_better_for_losses() -> None:
    lower = {name for name, metric in METRICS.items() if metric.improves(-1.0)}
    assert lower == {"bits_per_byte", "perplexity", "largest_change", "codelength"}
    for name in ("distinct_2", "repeated_4", "same_text", "same_tokens"):  # a change may be noise: never a verdict
        metric = get_metric(name)
        assert not metric.tested
        assert not metric.improves(1.0)
        assert not metric.improves(-1.0)
    assert not any(metric.improves(0.0) for metric in METRICS.values())
    with pytest.raises(HarnessError, match="did you mean accuracy"):
        get_metric("acuracy")


@pytest.mark.parametrize(
    ("metric", "score", "shown", "change"),
    [
        ("accuracy", 0.6904, "69.0", "+69.0"),
        ("spearman", -0.0304, "-3.0", "-3.0"),
        ("bits_per_byte", 0.5163, "0.516", "+0.516"),
        ("perplexity", 5.108, "5.11", "+5.11"),
        ("repeated_4", 0.584, "58.4", "+58.4"),
    ],
)
def test_each_is_written_in_its_unit(metric: str, score: float, shown: str, change: str) -> None:
    assert (get_metric(metric).write(score), get_metric(metric).write_change(score)) == (shown, change)
    assert get_metric("accuracy").write(0.69041, more_digits=1) == "69.04"
