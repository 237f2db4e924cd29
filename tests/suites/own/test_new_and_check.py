"""`harness new task` proposes a card, `harness check task` says what is in it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from harness.bases import resolve_base
from harness.errors import HarnessError
from harness.suites.own import card_task, read_task_card
from harness.suites.own.propose import propose
from harness.suites.own.report import report
from harness.suites.own.table import rows_of
from tests.cli.test_cli import call
from tests.suites.own.kit import Table, own, write_table
from tests.suites.small import texts

LINES, OTHERS = texts(30, 1), texts(30, 2)


@pytest.mark.parametrize(
    ("table", "kind", "roles"),
    [
        (
            {"n": range(30), "a": LINES, "b": OTHERS, "rating": [i % 6 for i in range(30)]},
            "similarity",
            {"text1": "a", "text2": "b", "score": "rating"},
        ),
        (
            {"text2": LINES, "text1": OTHERS, "same": [i % 2 for i in range(30)]},
            "pair-classification",
            {"label": "same"},
        ),
        ({"topic": ["x", "y", "z"] * 10, "review": LINES}, "classification", {"text": "review", "label": "topic"}),
        (
            {
                "sentence": LINES,
                "char_start": [0] * 30,
                "char_end": [4] * 30,
                "label": [1, 0] * 15,
                "target_index": [0] * 30,
            },
            "word-label",
            {"text": "sentence", "start": "char_start", "end": "char_end"},
        ),
        (
            {
                "TEXT": [f"w{i} {line}" for i, line in enumerate(LINES)],
                "target": [f"w{i}" for i in range(30)],
                "rating": [i / 7 for i in range(30)],
            },
            "word-score",
            {"text": "TEXT", "score": "rating", "word": "target"},
        ),
        (
            {"text": LINES, "topics": ["x|y", "x", "y|z"] * 10},
            "multilabel-classification",
            {"labels": "topics"},
        ),
        (
            {"first": ["gem", "noon", "car"], "second": ["jewel", "midday", "boat"], "mean": [3.9, 3.8, 1.1]},
            "word-similarity",
            {"word1": "first", "word2": "second", "score": "mean"},
        ),
        ({"de": LINES, "en": OTHERS}, "bitext", {"text1": "de", "text2": "en"}),
        (
            {"text": LINES[:10] * 3, "summary": OTHERS, "reference": texts(30, 3), "grade": [i % 6 for i in range(30)]},
            "summarization",
            {"score": "grade"},
        ),
        (
            {"句子": ["我喜欢猫和狗"] * 30, "标签": ["动物", "天气"] * 15},
            "classification",
            {"text": "句子", "label": "标签"},
        ),
    ],
)
def test_the_card_follows_from_the_columns(table: Table, kind: str, roles: dict[str, str]) -> None:
    found = propose(write_table(Path("my rows.csv"), table))
    found.path.write_text(found.text, "utf-8")
    card = read_task_card(found.path)
    assert (card.task, card.type, card.publish) == ("my-rows", kind, "ids")
    assert card.columns == roles
    assert card.language == ("zho-Hans" if "句子" in table else "eng-Latn")
    rows = rows_of(card)
    assert [example[role] for example in found.examples for role in rows.texts] == [
        rows.texts[role][i] for i in range(len(found.examples)) for role in rows.texts
    ]


def test_a_column_of_authors_is_the_group_and_a_named_type_is_taken() -> None:
    table = {"text": LINES, "label": ["x", "y"] * 15, "author": [i % 7 for i in range(30)]}
    found = propose(write_table(Path("a.tsv.gz"), table), kind="clustering", name="mine")
    assert found.path == Path("mine.md")
    assert "type: clustering\nfile: a.tsv.gz\ngroup: author\n" in found.text


def test_lists_are_sets_of_labels_and_a_folder_is_retrieval_or_reranking() -> None:
    path = Path("a.jsonl")
    path.write_text("".join(json.dumps({"text": line, "tags": ["x"] if n % 3 else ["x", "y"]}) + "\n"
                            for n, line in enumerate(LINES)))  # fmt: skip
    found = propose(path)
    assert found.type == "multilabel-classification"
    assert "separator" not in found.text
    assert found.examples[0]["labels"] == "x; y"
    folder = Path("my set")
    folder.mkdir()
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "north"}) + "\n")
    found = propose(folder)
    assert (found.type, found.path, found.examples) == (
        "retrieval",
        Path("my-set.md"),
        ({"_id": "q", "text": "north"},),
    )
    (folder / "top_ranked.jsonl").write_text("")
    assert "type: reranking\nfile: 'my set'\n" in propose(folder).text
    with pytest.raises(HarnessError, match="a task of type similarity is a file"):
        propose(folder, kind="similarity")


def test_a_file_of_tags_is_known_by_its_ending() -> None:
    Path("ner.conll").write_text("a O\nb B-X\n\n" * 5)
    found = propose(Path("ner.conll"))
    assert (found.path, found.type) == (Path("ner.md"), "sequence-labels")
    assert found.examples[0] == {"tokens": "a b", "tags": "O B-X"}
    found.path.write_text(found.text)
    made = report(card_task("ner.md"), resolve_base("mini"))
    assert (made.parts[0].rows, made.parts[0].units) == (10, 5)
    assert "one for each sentence" in made.tested
    Path("pos.txt").write_text("a\tDET\nb\tNOUN\n\n")
    assert propose(Path("pos.txt"), kind="sequence-labels").type == "sequence-labels"


def test_columns_that_suggest_nothing() -> None:
    with pytest.raises(HarnessError, match="which suggest no type; name one with --type"):
        propose(write_table(Path("a.csv"), {"x": [1, 2], "y": [3, 4]}))
    with pytest.raises(HarnessError, match="did you mean similarity"):
        propose(Path("a.csv"), kind="similar")


def test_the_report_counts_what_is_there() -> None:
    lines = ["a cat sat", "A cat, sat!", "the dog ran", *texts(37, 5)]
    test = {"text": [*lines[2:10], " ".join(["north"] * 400)], "label": ["x", "y", "y"] * 3, "by": list("aabbccdde")}
    train = {"text": lines, "label": ["x", "y"] * 20, "by": list("ab") * 20}
    fields = "type: classification\ntrain: train.csv\ntest: test.csv\ngroup: by"
    found = report(own("mine", fields, {"train.csv": train, "test.csv": test}), resolve_base("mini"))
    of_test, of_train = found.parts
    assert (of_test.rows, of_test.units, of_test.repeated, of_test.cut) == (9, 5, 0, 1)
    assert (of_train.rows, of_train.repeated, of_train.cut) == (40, 1, 0)
    assert of_test.labels == {"y": 6, "x": 3}
    assert found.shared == 8
    assert found.chance == pytest.approx(100 * 6 / 9)
    assert "paired over 5 units (one for each 'by'); fewer than 50" in found.tested


@pytest.mark.parametrize("n", [60, 240])
def test_the_smallest_difference_falls_with_the_root_of_the_examples(n: int) -> None:
    table = {"text": texts(n, 1), "label": ["x", "y"] * (n // 2)}
    found = report(own("mine", "type: classification\nfile: a.csv", {"a.csv": table}), resolve_base("mini"))
    value = found.detectable["if two variants answer 20 % of the examples differently"]
    assert value == pytest.approx(280 * math.sqrt(0.2 / n), rel=0.03)


def test_the_commands_say_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(Path("pairs.csv"), {"a": LINES, "b": OTHERS, "rating": [i % 5 + 0.5 for i in range(30)]})
    assert call("new", "task", "pairs.csv", monkeypatch=monkeypatch) == 0
    assert call("check", "task", "pairs.md", "--json", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "columns: {text1: a, text2: b, score: rating}" in said
    assert json.loads(said[said.index("\n{") :])["detectable"]
    assert call("check", "task", "pairs.md", monkeypatch=monkeypatch) == 0
    assert "Tested: differences of spearman, paired over 30 units" in capsys.readouterr().out
    assert call("new", "task", "pairs.csv", monkeypatch=monkeypatch) == 2
    assert "is there already" in capsys.readouterr().err
