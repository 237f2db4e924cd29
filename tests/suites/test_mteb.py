"""mteb tasks kept to the last example: the rows say what mteb says, for every supported type."""

from __future__ import annotations

import os
from pathlib import Path

import mteb
import pandas as pd
import pytest
from datasets import Dataset, DatasetInfo
from datasets.arrow_writer import ArrowWriter
from datasets.splits import SplitInfo
from mteb.abstasks.clustering import AbsTaskClustering

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskPart
from harness.records import to_json
from harness.suites.catalog import get_suite, get_task
from harness.suites.mteb import Choice, mteb_task
from harness.suites.mteb.kinds import type_of
from harness.suites.mteb.loading import load
from harness.suites.mteb.pairs import SIMILARITIES, pair_classification
from harness.suites.mteb.task import _finite
from harness.suites.task import TaskOptions
from tests.suites.small import (
    SMALL,
    WORDS,
    HashEncoder,
    SmallClustering,
    SmallPairs,
    SmallRetrieval,
    SmallTwoSubsets,
    own_task,
)
from tests.suites.small_sets import SMALL_SETS

ASKED = ["example_id", "unit", "trial", "gold_label", "gold_score"]


@pytest.mark.slow
@pytest.mark.parametrize("task", [*SMALL, *SMALL_SETS], ids=lambda task: task.__name__)
def test_the_rows_give_mtebs_own_score_and_two_systems_meet_the_same_examples(task: type, tmp_path: Path) -> None:
    made = own_task(task)
    (result,), (other,) = made.run(HashEncoder("a")), made.run(HashEncoder("b"))
    own = mteb.evaluate(HashEncoder("a"), task(), cache=None, co2_tracker=False, show_progress_bar=False)
    assert result.score == pytest.approx(own.task_results[0].get_score(), abs=1e-9)
    assert score_outcomes(result.key.metric, result.outcomes) == pytest.approx(result.score, abs=1e-6)
    pd.testing.assert_frame_equal(result.outcomes[ASKED], other.outcomes[ASKED])
    assert result.score != other.score
    assert result.shown is not None
    assert set(result.outcomes["example_id"]) <= set(result.shown), "every example can be read"
    assert result.reported is not None
    assert to_json(result.reported) == to_json(_finite(own.task_results[0].scores["test"][0]))
    twice = result.outcomes[["example_id", "trial"]].duplicated().any()
    assert twice == (result.key.metric == "v_measure" and type_of(task()).draws)  # drawn with replacement


def test_a_subsets_draws_do_not_depend_on_which_others_are_evaluated() -> None:
    """mteb draws on from subset to subset; here each begins anew, so that a choice of subsets moves nothing."""
    every = own_task(SmallTwoSubsets).run(HashEncoder())
    (alone,) = own_task(SmallTwoSubsets).only([TaskPart("SmallTwoSubsets", "test", "de")]).run(HashEncoder("other"))
    assert [(each.key.split, each.key.subset) for each in every] == [("test", "en"), ("test", "de"), ("test", "en-de")]
    pd.testing.assert_frame_equal(every[1].outcomes[ASKED], alone.outcomes[ASKED])


def test_pairs_are_told_apart_by_the_best_measure_and_resampled_by_their_first_text() -> None:
    (result,) = own_task(SmallPairs).run(HashEncoder())
    assert result.note.startswith("by ")
    assert set(result.outcomes["unit"].value_counts()) == {2}
    assert set(result.outcomes["gold_score"]) == {0.0, 1.0}
    data = SmallPairs().rows()
    far = [1.0 - label for label in data["labels"]]  # small where the pair is one: a distance that separates perfectly
    saved = {name: [0.0] * len(far) for name in SIMILARITIES} | {"euclidean_distances": far}
    kept = pair_classification(SmallPairs(), data, saved, None)
    assert kept.note == "by euclidean distances"
    assert score_outcomes("average_precision", kept.outcomes) == 1.0


def test_a_query_judged_otherwise_is_another_example(monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = own_task(SmallRetrieval).run(HashEncoder())
    load = SmallRetrieval.load_data

    def judged_otherwise(self: SmallRetrieval, **options: object) -> None:
        load(self, **options)
        self.dataset["default"]["test"]["relevant_docs"]["d3_1"]["d40"] = 1

    monkeypatch.setattr(SmallRetrieval, "load_data", judged_otherwise)
    (after,) = own_task(SmallRetrieval).run(HashEncoder())
    changed = set(after.outcomes["example_id"]) - set(before.outcomes["example_id"])
    assert [name.split(":")[0] for name in changed] == ["d3_1"]


def test_gold_belongs_to_its_document() -> None:
    task = SmallClustering()
    task.load_data()
    (result,) = own_task(SmallClustering).run(HashEncoder())
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
    with pytest.raises(HarnessError, match="the score of its examples is"):
        own_task(SmallClustering).run(HashEncoder())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("STSBenchmrk", "did you mean STSBenchmark"),
        ("SummEval", "of correlations and of their p values.*measure SummEvalSummarization.v2"),
        ("RuSciBenchYearPublRegression", "of type Regression.*supported: STS, Classification, Multilabel"),
        ("CQADupstackRetrieval", "is a mean over tasks; name its tasks: --tasks CQADupstackAndroid"),
        ("GermanSTSBenchmark", "no subset in only eng; its languages: deu"),
        ("LegalBenchPC", "scored by max_accuracy"),
    ],
)
def test_tasks_that_cannot_be_run(name: str, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        assert mteb_task(name).info


def test_languages_and_subsets() -> None:
    def subsets(name: str, **choice: tuple[str, ...]) -> list[str]:
        return [subset for _, _, subset in mteb_task(name).chosen(TaskOptions(choice=Choice(**choice))).info.parts]

    assert subsets("STS17") == ["en-en"]
    assert set(subsets("STS17", languages=("eng", "deu"))) == {"en-en", "en-de"}
    assert subsets("STS17", subsets=("es-es", "en-en")) == ["en-en", "es-es"]
    assert len(subsets("STS17", languages=("all",))) == 11
    assert subsets("GermanSTSBenchmark", languages=("deu",)) == ["default"]
    assert subsets("STSBenchmark", subsets=("en-en",)) == ["default"]  # it has no choice
    with pytest.raises(HarnessError, match="STS17 has no subset en-eng; did you mean en-en"):
        mteb_task("STS17").chosen(TaskOptions(choice=Choice(subsets=("en-eng",))))


def test_only_the_test_split_is_evaluated_where_there_is_one() -> None:
    """As mteb's English benchmarks do; the task itself names validation too."""
    assert mteb_task("MassiveIntentClassification").info.parts == (("MassiveIntentClassification", "test", "en"),)
    assert mteb_task("MSMARCO").info.parts == (("MSMARCO", "dev", "default"),)


def test_no_network_and_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(HarnessError, match="HF_DATASETS_CACHE"):
        mteb_task("STS12").run(HashEncoder())


def test_another_revision_in_the_cache_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Offline, datasets takes the newest cached revision, whatever is asked for: two v2 tasks would run on v1 data."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path)
    task = mteb.get_task("Banking77Classification.v2")
    pinned, other = task.metadata.revision, mteb.get_task("Banking77Classification").metadata.revision
    cached = tmp_path / "mteb___banking77" / "default" / "0.0.0"

    def write(revision: str, intent: str) -> None:
        rows = {"text": [f"{intent} {word}" for word in WORDS], "label": [0, 1] * (len(WORDS) // 2)}
        builder = Dataset.from_dict(rows)
        folder = cached / revision
        folder.mkdir(parents=True)
        for split in ("train", "test"):
            with ArrowWriter(path=str(folder / f"banking77-{split}.arrow")) as writer:
                writer.write_table(builder.data.table)
        info = DatasetInfo(builder_name="parquet", dataset_name="banking77", config_name="default", version="0.0.0")
        info.features = builder.features
        info.splits = {
            name: SplitInfo(name, num_examples=len(WORDS), dataset_name="banking77") for name in ("train", "test")
        }
        info.write_to_directory(str(folder))

    write(other, "old")
    with pytest.raises(HarnessError, match=f"on revision {pinned[:12]} of mteb/banking77.*cache is {other[:12]}"):
        load(task)
    os.utime(cached / other, (1, 1))
    write(pinned, "new")
    load(task)
    assert task.dataset["test"]["text"][0] == "new north"
    os.utime(cached / pinned, (0, 0))
    with pytest.raises(HarnessError, match="in the cache is"):
        load(mteb.get_task("Banking77Classification.v2"))


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "benchmark"), [("", "MTEB(eng, v2)"), ("-v1", "MTEB(eng, v1)")])
def test_the_suites_are_the_english_tasks_of_mtebs_benchmarks(ending: str, benchmark: str) -> None:
    tasks = list(mteb.get_benchmark(benchmark).tasks)
    whole: list[str] = []
    for kind in ("STS", "Classification", "Clustering"):
        theirs = [task for task in tasks if task.metadata.type == kind]
        ours = get_suite(f"mteb-{kind.lower()}{ending}").names
        assert list(ours) == [task.metadata.name for task in theirs]
        assert {get_task(task.metadata.name).info.parts for task in theirs} == {
            tuple((task.metadata.name, split, subset) for split in task.eval_splits for subset in task.hf_subsets)
            for task in theirs
        }
        whole += ours
    assert list(get_suite(f"mteb{ending}").names) == whole
