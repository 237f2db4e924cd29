"""Sets of labels, translations and summaries of mteb's, kept to the last example."""

from __future__ import annotations

import json

import mteb
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskPart
from harness.suites.mteb.sets import bitext, summaries
from tests.suites.small import HashEncoder, own_task
from tests.suites.small_sets import SMALL_SETS, SmallMultilabel, SmallParallel, SmallSummaries


@pytest.mark.parametrize("task", SMALL_SETS)
def test_the_rows_give_mtebs_own_score(task: type) -> None:
    (result,) = own_task(task).run(HashEncoder("a"))
    own = mteb.evaluate(HashEncoder("a"), task(), cache=None, co2_tracker=False, show_progress_bar=False)
    assert result.score == pytest.approx(own.task_results[0].get_score(), abs=1e-9)
    assert score_outcomes(result.key.metric, result.outcomes) == pytest.approx(result.score, abs=1e-6)
    assert 0 < abs(result.score) < 1


def test_the_labels_are_those_of_the_texts_that_mteb_draws() -> None:
    (result,) = own_task(SmallMultilabel).run(HashEncoder())
    assert list(result.outcomes["trial"].value_counts()) == [50, 50, 50]
    assert result.shown is not None
    for row in result.outcomes.itertuples():
        words = result.shown[row.example_id].split()
        assert json.loads(row.gold_label) == [word for word in ("bread", "king", "river") if word in words]
    assert "[]" in set(result.outcomes["gold_label"])


def test_each_pair_of_many_languages_is_a_result() -> None:
    every = own_task(SmallParallel).run(HashEncoder())
    own = mteb.evaluate(HashEncoder(), SmallParallel(), cache=None, co2_tracker=False, show_progress_bar=False)
    theirs = {each["hf_subset"]: each["main_score"] for each in own.task_results[0].scores["test"]}
    assert {each.key.subset: each.score for each in every} == pytest.approx(theirs, abs=1e-9)
    (alone,) = own_task(SmallParallel).only([TaskPart("SmallParallel", "test", "eng-fra")]).run(HashEncoder())
    pd.testing.assert_frame_equal(alone.outcomes, every[1].outcomes)


def test_translations_are_called_by_their_row() -> None:
    data = {"sentence1": ["a", "b"], "sentence2": ["c", "B", "A"], "gold": [(0, 2), (1, 1)]}  # as the first BUCC has it
    kept = bitext(None, data, {"sentence1-sentence2": [{"corpus_id": 2}, {"corpus_id": 0}]}, None)
    assert list(kept.outcomes["gold_label"]) == ["2", "1"]
    assert list(kept.outcomes["predicted_label"]) == ["2", "0"]
    assert list(kept.asked.values()) == [("a", "A"), ("b", "B")]


def test_summaries_of_one_text_are_a_trial_and_a_unit() -> None:
    (result,) = own_task(SmallSummaries).run(HashEncoder())
    assert result.outcomes.groupby("unit")["trial"].nunique().eq(1).all()
    assert set(result.outcomes["trial"]) == set(range(10)) - {2}, "the third has one grade"
    assert result.note == "1 of 10 texts left out: their summaries have one grade, or one similarity"


def test_a_text_that_mteb_left_out_is_known_by_its_grades_or_refused() -> None:
    task = SmallSummaries()
    data = {
        "text": ["x", "y", "z"],
        "machine_summaries": [["a", "b"]] * 3,
        "human_summaries": [["c"]] * 3,
        "relevance": [[0, 5], [5, 0], [0, 5]],
    }
    saved = {"human_scores": [[0, 1], [0, 1]], "cosine_scores": [[0.1, 0.2], [0.4, 0.3]]}
    kept = summaries(task, data, saved, None)
    assert list(kept.outcomes["trial"]) == [0, 0, 2, 2]
    with pytest.raises(HarnessError, match="cannot be told of which text"):
        summaries(task, data, {"human_scores": [[0, 1]], "cosine_scores": [[0.1, 0.2]]}, None)
