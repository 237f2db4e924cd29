"""mteb tasks kept to the last example: the rows say what mteb says, for every supported type."""

from __future__ import annotations

import mteb
import pandas as pd
import pytest
from mteb.abstasks.clustering import AbsTaskClustering

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.suites.mteb import mteb_task, wrap
from tests.suites.small import SMALL, HashEncoder, SmallClustering, SmallSTS


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.__name__)
def test_the_rows_give_mtebs_own_score(task: type) -> None:
    (result,) = wrap(task).run(HashEncoder())
    own = mteb.evaluate(HashEncoder(), task(), cache=None, co2_tracker=False, show_progress_bar=False)
    assert result.score == pytest.approx(own.task_results[0].get_score(), abs=1e-9)
    assert score_outcomes(result.key.metric, result.outcomes) == pytest.approx(result.score, abs=1e-6)


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.__name__)
def test_two_systems_meet_the_same_examples_in_the_same_draws(task: type) -> None:
    (one,), (other,) = wrap(task).run(HashEncoder("a")), wrap(task).run(HashEncoder("b"))
    shared = ["example_id", "unit", "trial", "gold_label", "gold_score"]
    pd.testing.assert_frame_equal(one.outcomes[shared], other.outcomes[shared])
    assert one.score != other.score


def test_gold_belongs_to_its_document() -> None:
    task = SmallClustering()
    task.load_data()
    (result,) = wrap(SmallClustering).run(HashEncoder())
    labels = task.dataset["test"]["labels"]
    for row in result.outcomes.itertuples():
        assert row.gold_label == labels[int(row.example_id.split(":")[0])]


def test_a_draw_replayed_wrongly_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If mteb changed how it samples, the rows would no longer give its score."""
    evaluate = AbsTaskClustering._evaluate_subset

    def one_draw_more(self, *args, **options):
        self.rng_state.random()
        return evaluate(self, *args, **options)

    monkeypatch.setattr(AbsTaskClustering, "_evaluate_subset", one_draw_more)
    with pytest.raises(HarnessError, match="its own examples say"):
        wrap(SmallClustering).run(HashEncoder())


def test_a_model_that_returns_nan_is_refused() -> None:
    with pytest.raises((HarnessError, ValueError)):
        wrap(SmallSTS).run(HashEncoder(broken=True))


def test_unknown_and_unsupported_tasks() -> None:
    with pytest.raises(HarnessError, match="did you mean STSBenchmark"):
        mteb_task("STSBenchmrk")
    with pytest.raises(HarnessError, match="supported: STS, Classification, Clustering"):
        mteb_task("NFCorpus")


def test_no_network_and_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(HarnessError, match="HF_DATASETS_CACHE"):
        mteb_task("STS12").run(HashEncoder())
