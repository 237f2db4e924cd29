"""Results leave the store as mteb writes them and as tables, and other tools read them back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mteb
import pandas as pd
import pytest
from mteb.results import TaskResult as MtebResult

from harness.errors import HarnessError
from harness.interchange import mteb_files as mteb_files_module
from harness.interchange.chosen import choose
from harness.interchange.mteb_files import write_mteb
from harness.interchange.parquet import write_parquet
from harness.store import Store
from tests.factory import TASKS, FakeTask, add_system, result_of

STS = FakeTask("STSBenchmark", "spearman", 60)
BANKING = FakeTask("Banking77Classification", "accuracy", 40, "Classification")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("interchange") / "results.duckdb")
    for seed in (0, 1):
        add_system(store, "bidir-supcon", base="org/llama", seed=seed, skill=0.6 + seed / 10, tasks=[STS, TASKS[0]])
    run = add_system(
        store, "org/minilm", base="", kind="reference", tasks=[STS], proof=None, recipe={"hub_commit": "f" * 40}
    )
    made = result_of(BANKING, skill=0.7)
    reported = {"main_score": made.score, "accuracy": made.score, "f1": 0.25, "ap": None}
    store.add_result(run, dataclasses.replace(made, reported=reported))
    return store


@pytest.mark.slow
def test_mteb_reads_its_own_format_back(store: Store) -> None:
    folder = write_mteb(store, choose(store), out=Path("for-mteb"))
    results = mteb.ResultCache(cache_path=folder).load_results(include_remote=False)
    scores = store.scores()
    stored = {
        (row.variant, row.seed if pd.notna(row.seed) else None, row.task): row.score for row in scores.itertuples()
    }
    ids = {each.system_id: each for each in store.systems()}
    found = {}
    for model in results.model_results:
        system = ids.get(model.model_revision)
        who = ("org/minilm", None) if system is None else (system.variant, system.seed)
        assert model.model_name == (
            "org/minilm" if system is None else f"harness/org__llama-bidir-supcon-seed{system.seed}"
        )
        found |= {(*who, task.task_name): task.get_score() for task in model.task_results}
    assert found == {key: pytest.approx(score, abs=1e-6) for key, score in stored.items() if key[2] != TASKS[0].name}
    [file] = folder.glob(f"results/org__minilm/{'f' * 40}/Banking77Classification.json")
    read = MtebResult.from_disk(file, load_historic_data=False)
    assert read.dataset_revision == "r1"
    assert read.scores["test"][0]["f1"] == 0.25
    assert read.scores["test"][0]["languages"] == ["eng-Latn"]
    assert (file.parent / "model_meta.json").is_file()


def test_one_system_and_the_sentences(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_mteb(store, choose(store, "org/llama/bidir-supcon", seed=1), out=Path("one"))
    assert len(list(folder.glob("results/*/*/*.json"))) == 2  # the result and the model's meta
    with pytest.raises(HarnessError, match="is not empty"):
        write_mteb(store, choose(store), out=folder)
    with pytest.raises(HarnessError, match="no system 'org/minilmm'; did you mean org/minilm"):
        choose(store, "org/minilmm")
    own = choose(store, "org/llama/bidir-supcon")
    own = dataclasses.replace(own, scores=own.scores[own.scores["task"] == TASKS[0].name])
    with pytest.raises(HarnessError, match="none of these results is of an mteb task"):
        write_mteb(store, own, out=Path("none"))
    monkeypatch.setattr(mteb_files_module, "ROUNDING", -1.0)
    with pytest.raises(HarnessError, match="nothing was written"):
        write_mteb(store, choose(store), out=Path("wrong"))
    assert not Path("wrong").exists()


def test_parquet_holds_every_outcome(store: Store) -> None:
    folder = write_parquet(store, choose(store), out=Path("tables"))
    scores, outcomes = (pd.read_parquet(folder / f"{name}.parquet") for name in ("scores", "outcomes"))
    assert len(scores) == 6
    assert set(outcomes["result"]) == set(scores["result"])
    pd.testing.assert_frame_equal(
        outcomes.reset_index(drop=True),
        store.outcomes(results=scores["result"]),
        check_dtype=False,
        check_index_type=False,
    )
    one = scores[scores["task"] == "Banking77Classification"].iloc[0]
    rows = outcomes[outcomes["result"] == one["result"]]
    right = (rows["gold_label"] == rows["predicted_label"]).groupby(rows["trial"]).mean().mean()
    assert right == pytest.approx(one["score"])


def test_an_empty_store() -> None:
    store = Store(Path("empty.duckdb"))
    store.ready()
    with pytest.raises(HarnessError, match="has no results yet"):
        choose(store)
