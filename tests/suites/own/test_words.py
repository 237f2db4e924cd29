"""Cards of tasks on words: the probes of the words suite on one's own examples."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import HarnessError
from harness.outcomes import TaskResult
from harness.probes import codelength
from harness.suites.own.table import rows_of
from harness.suites.task import TaskOptions
from harness.suites.words import SUITE, labels
from harness.suites.words import scores as score_tasks
from harness.suites.words.data.examples import WordExample
from harness.suites.words.labels import measure_labels
from tests.suites.own.kit import Table, own, write_table
from tests.suites.words.test_word_probes import Fake, sentences

ASKED = ["trial", "layer", "position", "gold_label", "predicted_label", "gold_score", "predicted_score"]


@pytest.fixture(autouse=True)
def _two_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "REPEATS", 2)
    monkeypatch.setattr(score_tasks, "REPEATS", 2)
    monkeypatch.setattr(codelength, "SHARES", (0.1, 0.5, 1.0))


def _table(examples: list[WordExample]) -> Table:
    return {
        "id": [e.example_id for e in examples],
        "text": [e.texts[0] for e in examples],
        "start": [e.spans[0][0] for e in examples],
        "end": [e.spans[0][1] for e in examples],
        "label": [e.label for e in examples],
        "word": [e.word for e in examples],
    }


def _same(mine: list[TaskResult], theirs: list[TaskResult]) -> None:
    assert [each.key.subset for each in mine] == [each.key.subset for each in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one.outcomes.equals(other.outcomes), one.key.subset
        assert one.score == other.score


@pytest.mark.parametrize("spans", ["given", "found"])
def test_a_word_label_gives_what_the_words_suite_gives(spans: str) -> None:
    examples = sentences()
    columns = "{id: id}" if spans == "given" else "{id: id, word: word}"
    fields = f"type: word-label\nfile: a.tsv\npositions: [-1]\npublish: texts\ncolumns: {columns}"
    made = own("mine", fields, {"a.tsv": _table(examples)})
    found = made.run(Fake(causal=False))
    parts, _ = measure_labels(SUITE.task("SubjectAnimacyBefore"), examples, Fake(causal=False))
    for one, part in zip(found, parts, strict=True):
        assert one.outcomes.equals(part.frame()), part.subset
    assert found[0].key.subset == "default"
    assert found[0].shown is not None
    assert "[" in next(iter(found[0].shown.values()))
    assert found[1].shown is None, "a control has no texts of its own, and takes none away"


def test_what_was_measured_is_known_again_and_a_card_declares_margin_and_chance() -> None:
    """The revision before a run is that of its results, or the task would be measured again each time."""
    fields = "type: word-label\nfile: a.tsv\nmargin: 2\nchance: 40"
    made = own("mine", fields, {"a.tsv": _table(sentences())})
    assert {each.key.revision for each in made.run(Fake(causal=False))} == {made.info.revision}
    assert (made.info.margin, made.info.chance) == (0.02, 0.4)
    other = own("mine", fields.replace("margin: 2", "margin: 3"), {})
    assert other.info.revision != made.info.revision
    with pytest.raises(HarnessError, match="margin"):
        own("mine", fields.replace("margin: 2", "margin: 0"), {})


def test_readers_see_no_word_that_is_not_published() -> None:
    table = _table(sentences())
    results = {}
    for publish in ("ids", "nothing"):
        fields = f"type: word-label\nfile: a.tsv\npublish: {publish}"
        results[publish] = own("mine", fields, {"a.tsv": table}).run(Fake(causal=False))
        for each in results[publish]:
            assert not set(each.outcomes["unit"]) & set(table["word"])
            assert each.shown == {}
    assert set(results["ids"][0].outcomes["gold_label"]) == set(table["label"])
    assert set(results["nothing"][0].outcomes["gold_label"]) <= {"0", "1"}
    assert [each.score for each in results["ids"]] == [each.score for each in results["nothing"]]


def test_a_word_score_and_a_word_in_context() -> None:
    examples = sentences()
    table = {**_table(examples), "score": [int(e.word[1:]) / 7 for e in examples]}
    norms = own("norms", "type: word-score\nfile: n.csv\ncolumns: {word: word}", {"n.csv": table})
    found = norms.run(Fake(causal=False))
    assert (found[0].key.metric, found[0].task_type) == ("pearson", "WordNorms")
    assert "random scores" in {each.key.subset for each in found}
    n = len(examples)
    pairs = {
        "text1": table["text"],
        "text2": [*table["text"][1:], table["text"][0]],
        "start1": table["start"],
        "end1": table["end"],
        "lemma": table["word"],
        **{f"{name}2": [*table[name][1:], table[name][0]] for name in ("start", "end")},
        "label": ["same" if i % 2 else "different" for i in range(n)],
    }
    fields = "type: word-in-context\nfile: w.jsonl\ngroup: lemma\nfeatures: difference"
    (first, *_) = own("wic", fields, {"w.jsonl": pairs}).run(Fake(causal=False))
    assert (first.key.metric, first.task_type) == ("accuracy", "WiC")
    assert set(first.outcomes["unit"]) == set(pairs["lemma"])


@pytest.mark.parametrize(
    ("fields", "changed", "sentence"),
    [
        ("", {"start": 90, "end": 95}, "row 1: the span 90:95 lies outside its text"),
        ("", {"start": 4, "end": 4}, "row 1: the span 4:4 lies outside its text"),
        ("", {"start": 4.5}, "'start' is .*4.5.*, which is not a whole number"),
        ("columns: {word: word}", {"word": "absent"}, "'absent' is not a word of its text"),
        ("columns: {word: word}", {"text": "n1 and n1", "word": "n1"}, "'n1' stands 2 times in its text"),
        ("positions: [-9]", {}, "there is no word at position -9"),
        ("positions: [1]", {"start": 1, "end": 2}, "does not stand between blanks"),
    ],
)
def test_words_that_cannot_be_read(fields: str, changed: dict[str, object], sentence: str) -> None:
    table = {name: [changed.get(name, values[0]), *values[1:]] for name, values in _table(sentences()).items()}
    with pytest.raises(HarnessError, match=sentence):
        assert own("mine", f"type: word-label\nfile: a.csv\n{fields}", {"a.csv": table}).info


def test_a_word_is_found_in_a_script_without_blanks_and_from_right_to_left() -> None:
    table = {
        "text": ["我喜欢猫和狗", "אני אוהב את הכלב", "كتب الولد الرسالة"],
        "word": ["猫", "הכלב", "الولد"],
        "score": [1, 2, 3],
    }
    write_table(Path("a.parquet"), table)
    rows = rows_of(own("mine", "type: word-score\nfile: a.parquet\ncolumns: {word: word}", {}).card)
    assert rows.together == tuple(table["word"])


def test_a_segmenter_finds_words_and_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"text": ["我喜欢熊猫和猫", "狗和猫", "猫在家"], "word": ["猫"] * 3, "score": [1, 2, 3]}
    fields = "type: word-score\nfile: a.jsonl\ncolumns: {word: word}"
    with pytest.raises(HarnessError, match="'猫' stands 2 times in its text"):
        assert own("mine", fields, {"a.jsonl": table}).info
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(HarnessError, match="the segmenter jieba is not installed; install it"):
        assert own("mine", f"{fields}\nsegmenter: jieba", {}).info
    words = {
        "我喜欢熊猫和猫": ["我", "喜欢", "熊猫", "和", "猫"],
        "狗和猫": ["狗", "和", "猫"],
        "猫在家": ["猫", "在家"],
    }
    monkeypatch.setitem(sys.modules, "jieba", SimpleNamespace(cut=words.__getitem__))
    rows = rows_of(own("mine", f"{fields}\nsegmenter: jieba", {}).card)
    assert rows.spans == (((6, 7), (2, 3), (0, 1)),)
    monkeypatch.setitem(sys.modules, "jieba", SimpleNamespace(cut=lambda text: [text.upper(), "x"]))
    with pytest.raises(HarnessError, match="the segmenter jieba changes the text"):
        rows_of(own("other", f"{fields}\nsegmenter: jieba", {}).card)
    with pytest.raises(HarnessError, match="did you mean jieba"):
        own("mine", f"{fields}\nsegmenter: jeiba", {})
    with pytest.raises(HarnessError, match="name the column with"):
        own("mine", "type: word-score\nfile: a.jsonl\nsegmenter: jieba", {})


@pytest.mark.parametrize("value", [".inf", ".nan", "-1", "much"])
def test_a_margin_is_a_positive_number(value: str) -> None:
    with pytest.raises(HarnessError, match="margin"):
        own("mine", f"type: word-score\nfile: a.jsonl\nmargin: {value}", {})


@pytest.mark.slow
def test_the_papers_subject_animacy_read_by_a_card_gives_what_the_suite_gives(shared_data: Path) -> None:
    """Outcome for outcome, with all controls."""
    rows: list[dict[str, str]] = []
    for part in ("train", "test"):
        path = shared_data / "probes" / "task1_context_probes" / f"subject_animacy_{part}.tsv"
        with path.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file, delimiter="\t"))
        rows += [{**row, "id": f"{part}:{number}"} for number, row in enumerate(found)]
    names = {"0": "inanimate", "1": "animate"}
    table = {
        "id": [row["id"] for row in rows],
        "text": [row["sentence"] for row in rows],
        "start": [row["char_start"] for row in rows],
        "end": [row["char_end"] for row in rows],
        "label": [names[row["label"]] for row in rows],
    }
    encoder = Fake(causal=False)
    theirs = SUITE.task("SubjectAnimacyBefore").chosen(TaskOptions(data_dir=shared_data / "probes")).run(encoder)
    fields = "type: word-label\nfile: a.tsv\npositions: [-1]\npublish: texts\ncolumns: {id: id}"
    _same(own("animacy", fields, {"a.tsv": table}).run(Fake(causal=False)), theirs)
