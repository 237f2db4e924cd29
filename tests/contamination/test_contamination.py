"""Same text or not, how many, and which overlaps are known without counting."""

from __future__ import annotations

import mteb
import numpy as np
import pytest
from mteb.get_tasks import TASK_LIST

from harness.contamination.declared import declared_for, known_overlaps, source_name
from harness.contamination.overlaps import overlaps_of
from harness.contamination.texts import count_shared, text_hashes
from harness.contamination.wording import by_task, summary
from harness.records import Overlap
from harness.stage_record import StageManifest

SAME = [
    ("A dog runs.", "a  dog\truns ."),
    ("Caf\u00e9 au lait", "cafe\u0301 au lait"),
    ("STRASSE", "stra\u00dfe"),
    ("\u01f0 x", "J\u030c x"),  # folding takes the first apart; it must be put together again
    ("don't!", "don 't"),
]
OTHER = [("a dog runs", "a dog ran"), ("a dog", "dog a"), ("a_b", "a b"), ("1.5", "15"), ("naive", "na\u00efve")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_words_are_the_same_text(one: str, other: str) -> None:
    assert text_hashes([one]).tolist() == text_hashes([other]).tolist()


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_words_are_another_text(one: str, other: str) -> None:
    assert text_hashes([one]).tolist() != text_hashes([other]).tolist()


def test_hashes_are_sorted_distinct_and_the_same_everywhere() -> None:
    hashes = text_hashes(["b", "a", "B!", "", " ... ", "c"])
    assert hashes.dtype == np.uint64
    assert (np.diff(hashes.astype(object)) > 0).all()
    assert len(hashes) == 3
    # pinned: folders written by one version are read by the next
    assert text_hashes(["a dog runs"]).tolist() == [PINNED]
    assert len(text_hashes([])) == 0


PINNED = 12488867095879994008


def test_counting() -> None:
    task, trained = text_hashes(["One.", "two", "three", "four"]), text_hashes(["one", "THREE", "five", "five"])
    assert count_shared(task, trained) == 2
    assert count_shared(task, text_hashes([])) == 0


def stage(**manifest: object) -> StageManifest:
    return StageManifest(digest="d" * 64, **{"kind": "supcon", **manifest})


def test_an_overlap_is_counted_over_all_subsets_and_none_is_a_finding() -> None:
    made = stage(data={"source": "/home/somebody/corpus.txt"})
    subsets = [text_hashes(["a", "b"]), text_hashes(["b", "c"])]
    [found] = overlaps_of(made, text_hashes(["b", "x"]), task="T", revision="1", texts=subsets)
    assert (found.n_texts, found.n_shared, found.share, found.how) == (3, 1, pytest.approx(1 / 3), "measured")
    assert found.source == "corpus.txt", "a public record names no folder"
    [none] = overlaps_of(made, text_hashes(["x"]), task="T", revision="1", texts=subsets)
    assert (none.n_texts, none.n_shared) == (3, 0)


@pytest.mark.parametrize(
    ("trained", "texts"), [(None, [text_hashes(["a"])]), (text_hashes(["a"]), [None]), (text_hashes(["a"]), [])]
)
def test_what_was_not_counted_is_no_record(trained, texts) -> None:
    assert overlaps_of(stage(data={"source": "x.txt"}), trained, task="T", revision="1", texts=texts) == []


@pytest.mark.parametrize(
    ("source", "task", "known"),
    [
        ("nli_triplets.parquet", "STSBenchmark", True),
        ("/data/SNLI_dev.jsonl", "STS17", True),
        ("hub:sentence-transformers/all-nli@" + "0" * 40 + "/triplet/train-*.parquet", "STSBenchmark", True),
        ("hub:princeton-nlp/datasets-for-simcse@" + "0" * 40 + "/nli_for_simcse.csv", "STSBenchmark", True),
        ("hub:princeton-nlp/datasets-for-simcse@" + "0" * 40 + "/wiki1m_for_simcse.txt", "STSBenchmark", False),
        ("flickr8k_caption_pairs.parquet", "STS14", True),
        ("McGill-NLP/LLM2Vec-Sheared-LLaMA-mntp-supervised", "NQ", True),
        ("McGill-NLP/LLM2Vec-Sheared-LLaMA-mntp-unsup-simcse", "NQ", False),
        ("nli_triplets.parquet", "STS16", False),
        ("mini", "STSBenchmark", False),
        ("train.txt", "STSBenchmark", False),
    ],
)
def test_known_data_sets(source: str, task: str, known: bool) -> None:
    assert bool(declared_for(source, task)) == known


def test_a_published_adapter_is_declared_by_itself_and_by_the_data_it_names() -> None:
    adapter = stage(recipe={"kind": "adapter", "source": "somebody/adapter", "data": ["SNLI", "wiki"]})
    [found] = overlaps_of(adapter, None, task="STSBenchmark", revision="1", texts=[text_hashes(["a"])])
    assert (found.how, found.source, found.n_texts) == ("declared", "SNLI", None)


def test_the_declared_tasks_are_mtebs_and_llm2vecs_list_is_covered() -> None:
    names = {task.metadata.name for task in TASK_LIST}
    entries = known_overlaps()
    assert not {task for entry in entries for task in entry.tasks} - names
    assert all(entry.why and entry.source for entry in entries)
    published = mteb.get_model_meta("McGill-NLP/LLM2Vec-Meta-Llama-3-8B-Instruct-mntp-supervised").training_datasets
    ours = {task for task in published if declared_for("McGill-NLP/LLM2Vec-Llama-2-7b-chat-hf-mntp-supervised", task)}
    assert {task for task in published if not task.endswith(("-PL", "-NL"))} <= ours


def test_source_names_hold_no_folder() -> None:
    assert source_name("C:\\texts\\corpus.jsonl") == "corpus.jsonl"
    assert source_name("./corpus") == "corpus"
    assert source_name("mini") == "mini"
    assert source_name("hub:org/name@" + "0" * 40 + "/data/*.parquet") == "org/name: data/*.parquet"


def test_words_for_it() -> None:
    def measured(task: str, shared: int, source: str = "x.txt", stage: str = "d") -> Overlap:
        return Overlap(
            stage=stage, source=source, task=task, revision="1", how="measured", n_texts=2000, n_shared=shared
        )

    known = Overlap(stage="d", source="snli", task="B", revision="1", how="declared", note="SNLI: made of it (Source)")
    found = by_task([measured("A", 1), measured("A", 1, stage="seed 1"), measured("B", 0), known, measured("C", 0)])
    assert [each.short for each in found] == ["< 0.1 %", "declared", "0 %"]
    assert [each.overlaps for each in found] == [True, True, False]
    assert found[0].sentence == "1 of 2,000 texts (< 0.1 %) is also in the training texts (x.txt)"
    assert found[1].sentence.endswith("; declared: SNLI: made of it (Source)")
    tasks = {(name, "1") for name in "ABC"}
    overlaps = [each for group in found for each in (*group.measured, *group.declared)]
    assert summary(["d"], overlaps, tasks) == "2 of 3 tasks"
    assert summary(["d"], overlaps, tasks | {("D", "1")}) == "2 of 3 tasks, 1 not recorded"
    assert summary(["d"], [], tasks) == "not recorded"
    assert summary(["d"], overlaps, {("A", "2")}) == "not recorded"
