"""What a bag of words gets: the floor of every task, and proof that mteb runs ours as its own."""

from __future__ import annotations

import pytest

from harness.suites.mini import SUITE, TASKS
from harness.suites.mini.baseline import BagOfWords

# Upper bounds: whatever a bag of words gets is given away by the words. Chance is 1/2, 1/12 or 0.
BOUNDS = {
    "MiniSTS": 0.42,
    "MiniParaphrase": 0.06,
    "MiniRoles": 0.02,
    "MiniTopicClassification": 0.12,
    "MiniSentimentClassification": 0.58,
    "MiniTopicClustering": 0.12,
    "MiniWiCLeft": 0.5,
    "MiniWiCRight": 0.5,
    "MiniAnimacyBefore": 0.5,
    "MiniAnimacyAfter": 0.5,
    "MiniDomainBefore": 1 / 12 + 1e-9,
    "MiniDomainAfter": 1 / 12 + 1e-9,
    "MiniNorms": 0.1,
}


@pytest.fixture(scope="module")
def baseline() -> BagOfWords:
    return BagOfWords()


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_words_alone_give_nothing_away(task, baseline: BagOfWords) -> None:  # type: ignore[no-untyped-def]
    if task.is_word_task:
        score = task.run(baseline)[0].score
    else:
        import mteb

        results = mteb.evaluate(
            baseline.for_mteb(), task.make(), cache=None, co2_tracker=False, show_progress_bar=False
        )
        score = results.task_results[0].get_score()
    assert score <= BOUNDS[task.name]


def test_it_is_an_mteb_encoder(baseline: BagOfWords) -> None:
    from mteb.models.models_protocols import EncoderProtocol

    assert isinstance(baseline.for_mteb(), EncoderProtocol)
    counts = baseline.encode(["The chef stirred the soup.", "The soup the chef stirred."])
    assert (counts[0] == counts[1]).mean() > 0.99


@pytest.mark.slow
def test_mteb_can_unload_a_task_and_load_it_again() -> None:
    task = SUITE.task("MiniSTS").make()
    task.load_data()
    task.unload_data()
    assert (task.metadata.name, task.data_loaded) == ("MiniSTS", False)
    assert not hasattr(type(task), "metadata")  # else mteb takes the kind of task for a task
