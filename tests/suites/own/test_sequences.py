"""Cards of sentences with a tag a word (CoNLL), and of pairs of words."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskResult
from harness.suites.own.sequences import read_sentences
from harness.suites.own.table import rows_of
from harness.suites.own.task import OwnTask
from harness.suites.task import TaskOptions
from harness.suites.words import SUITE, labels
from harness.suites.words.data.bio import spans_of
from tests.suites.own.kit import own, write_card
from tests.suites.words.test_word_probes import Fake


@pytest.fixture(autouse=True)
def _two_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "REPEATS", 2)


class Knowing(Fake):
    """Its last layer knows the word as well, and what stands before it."""

    def __init__(self) -> None:
        super().__init__(causal=True)

    def word_vectors(self, texts, spans, *, take="mean", keep_cut=False) -> np.ndarray:  # type: ignore[no-untyped-def]
        layers = super().word_vectors(texts, spans, take=take, keep_cut=keep_cut)
        layers[1] += 3 * layers[0]
        return layers


def conll(n: int = 40) -> str:
    """Sentences whose nouns n1, n3 … are of one kind and n0, n2 … of another; some spans have two words."""
    draw = np.random.default_rng(3)
    lines = ["-DOCSTART- -X- O", ""]
    for _ in range(n):
        noun = int(draw.integers(8))
        kind = "ODD" if noun % 2 else "EVEN"
        second = draw.random() < 0.3
        lines += ["the DT O", f"n{noun} NN B-{kind}", *([f"n{noun} NN I-{kind}"] if second else []), "v1 VB O", ""]
    return "\n".join(lines)


def _task(fields: str = "", text: str | None = None, file: str = "a.conll") -> OwnTask:
    Path(file).write_text(conll() if text is None else text, "utf-8")
    return own("mine", f"type: sequence-labels\nfile: {file}\n{fields}", {})


def _by_subset(results: list[TaskResult]) -> dict[str, TaskResult]:
    return {each.key.subset: each for each in results}


def test_tags_are_probed_by_sentence_and_their_spans_are_counted() -> None:
    found = _by_subset(_task("publish: texts").run(Knowing()))
    score, spans = found["default"], found["spans"]
    assert (score.key.metric, score.task_type, spans.key.metric) == ("accuracy", "SequenceLabels", "span_f1")
    assert {"best layer", "layers", "no context", "random labels", "selectivity", "majority"} <= set(found)
    sentences = [line for line in conll().split("\n\n")[1:] if line.strip()]
    assert set(score.outcomes["unit"]) == {str(n + 1) for n in range(len(sentences))} == set(spans.outcomes["unit"])
    assert list(score.outcomes["example_id"])[:3] == ["1.1", "1.2", "1.3"]
    assert score.shown is not None
    assert "[" in score.shown["1.1"]
    # The spans are those of the same answers.
    first = score.outcomes[(score.outcomes["unit"] == "1") & (score.outcomes["trial"] == 0)]
    row = spans.outcomes[(spans.outcomes["unit"] == "1") & (spans.outcomes["trial"] == 0)].iloc[0]
    for name in ("gold_label", "predicted_label"):
        assert json.loads(row[name]) == sorted(spans_of(first[name].tolist()))
    assert score_outcomes("span_f1", spans.outcomes) == pytest.approx(spans.score)
    assert spans.score > 0.4


def test_no_tag_and_no_word_is_published() -> None:
    shown = {publish: _by_subset(_task(f"publish: {publish}").run(Knowing())) for publish in ("ids", "nothing")}
    for name, result in shown["nothing"].items():
        told = result.outcomes.to_csv()
        assert not any(word in told for word in ("EVEN", "ODD", "n1", "the"))
        assert result.score == pytest.approx(shown["ids"][name].score, abs=1e-9), name
        assert result.shown == {}
    assert "1-2:EVEN" in shown["ids"]["spans"].outcomes["gold_label"].str.cat()


def test_another_column_a_packed_file_and_universal_dependencies() -> None:
    by_kind = rows_of(_task("columns: {tag: 2}").card)
    assert set(by_kind.labels) == {"DT", "NN", "VB"}
    assert not _by_subset(_task("columns: {tag: 2}").run(Knowing())).get("spans")
    Path("b.conll.gz").write_bytes(gzip.compress(conll().encode()))
    assert len(rows_of(own("mine", "type: sequence-labels\nfile: b.conll.gz", {}).card).labels) == by_kind.n
    lines = "# text = x\n1-2\tvom\t_\t_\n1\tvon\tvon\tADP\n2\tdem\tder\tDET\n2.1\tx\tx\tX\n\n"
    Path("c.conllu").write_text(lines * 2)
    assert list(read_sentences(Path("c.conllu"), {})) == [[("von", "ADP"), ("dem", "DET")]] * 2


def test_words_stand_where_their_script_has_them() -> None:
    text = "我\tPRON\n喜欢\tVERB\n猫\tNOUN\n\nאני\tPRON\nאוהב\tVERB\n\n"
    rows = rows_of(_task(text=text * 3).card)
    assert rows.texts["text"][0] == "我喜欢猫"
    assert rows.texts["text"][3] == "אני אוהב"
    words = [t[slice(*span)] for t, span in zip(rows.texts["text"], rows.spans[0], strict=True)]
    assert words[:5] == ["我", "喜欢", "猫", "אני", "אוהב"]


@pytest.mark.parametrize(
    ("fields", "text", "sentence"),
    [
        ("", "a X\nb\n\n" * 5, "line 2, has 1 column, too few for a word and its tag"),
        ("columns: {tag: 7}", None, "line 3, has 3 columns, too few"),
        ("columns: {tag: ner}", None, "the column 'tag' of .* is 'ner'; give its number"),
        ("", "a\tX\n\tY\n\n" * 5, "line 2: the word is empty"),
        ("", "a X\nb Y\n\n" * 4, "4 sentences cannot be spread over 5 folds"),
        ("", "a X\nb X\n\n" * 5, "all tags are 'X'"),
        ("", "", "0 sentences cannot be spread"),
        ("group: x", None, "`group` has no effect on a task of type sequence-labels"),
        ("columns: {text: 1}", None, "sequence-labels has no column 'text'"),
    ],
)
def test_files_that_cannot_be_read(fields: str, text: str | None, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        assert _task(fields, text).info


@pytest.mark.slow
def test_word_similarity_read_by_a_card_gives_what_the_suite_gives(shared_data: Path) -> None:
    with (shared_data / "probes" / "word_similarity" / "EN-RG-65.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    theirs = SUITE.task("RG65").chosen(TaskOptions(data_dir=shared_data / "probes")).run(Knowing())
    table = {name: [row[name] for row in rows] for name in rows[0]}
    mine = own("mine", "type: word-similarity\nfile: a.tsv\npublish: ids", {"a.tsv": table}).run(Knowing())
    assert [each.key.subset for each in mine] == [each.key.subset for each in theirs]
    for one, other in zip(mine, theirs, strict=True):
        columns = ["trial", "layer", "gold_score", "predicted_score"]
        assert one.outcomes[columns].equals(other.outcomes[columns])
        assert one.score == other.score


def test_pairs_of_words_are_units_and_have_their_own_columns() -> None:
    table = {"a": ["n1", "n1", "n2", "n3"], "b": ["n2", "n3", "n3", "n4"], "score": [1, 2, 3, 4]}
    fields = "type: word-similarity\nfile: a.tsv\ncolumns: {word1: a, word2: b}"
    (score, *_) = own("mine", fields, {"a.tsv": table}).run(Knowing())
    assert (score.key.metric, score.task_type) == ("spearman", "WordSimilarity")
    assert list(score.outcomes["unit"]) == list(score.outcomes["example_id"]) == ["1", "2", "3", "4"]
    (shown, *_) = own("mine", f"{fields}\npublish: texts", {"a.tsv": table}).run(Knowing())
    assert shown.shown is not None
    assert "[n1] ⟷ [n2]" in shown.shown.values()
    with pytest.raises(HarnessError, match="word-similarity has no column 'word'"):
        own("mine", f"{fields[:-1]}, word: a}}", {})


def test_a_column_may_be_called_by_a_number() -> None:
    Path("n.csv").write_text("1,2,3\na b,c d,1\ne f,g h,2\n")
    path = write_card("n", "type: similarity\nfile: n.csv\ncolumns: {text1: 1, text2: 2, score: 3}")
    from harness.suites.own import read_task_card

    assert rows_of(read_task_card(path)).scores == (1.0, 2.0)
