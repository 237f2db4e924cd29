"""Files of a card: formats, and one sentence for each thing that is wrong with the examples."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from harness.errors import HarnessError
from harness.suites.own.table import rows_of
from tests.suites.own.kit import Table, own, write_table

PAIRS = {"text1": ["a b", "c, d", 'e "f"', "g h"], "text2": ["a c", "b d", "e\ng", "ſ ہ"], "score": [1, 2, 3.5, 4]}
TEXTS = {"text": [f"text {i}" for i in range(12)], "label": ["x", "y"] * 6, "by": list("aabbccddeeff")}


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_rows(kind: str, packed: str) -> None:
    rows = rows_of(own("mine", f"type: similarity\nfile: p.{kind}{packed}", {f"p.{kind}{packed}": PAIRS}).card)
    assert rows.texts == {"text1": tuple(PAIRS["text1"]), "text2": tuple(PAIRS["text2"])}
    assert rows.scores == (1, 2, 3.5, 4)


def test_a_spreadsheet_may_part_cells_with_semicolons_and_begin_with_a_byte_order_mark() -> None:
    Path("p.csv").write_bytes('\ufefftext1;text2;score\r\n"a;b";c, d;1\r\ne;f;2\r\n'.encode())
    rows = rows_of(own("mine", "type: similarity\nfile: p.csv", {}).card)
    assert rows.texts["text1"] == ("a;b", "e")
    assert rows.texts["text2"] == ("c, d", "f")


@pytest.mark.parametrize(
    ("fields", "table", "sentence"),
    [
        ("type: similarity", {**PAIRS, "scor": PAIRS["score"], "score": None}, "the column score; .*did you mean scor"),
        ("type: similarity", {**PAIRS, "score": [1, 2, "high", 4]}, "row 3: 'score' is 'high', which is not a number"),
        ("type: similarity", {**PAIRS, "score": [1, 2, "nan", 4]}, "which is not a number"),
        ("type: similarity", {**PAIRS, "score": [2, 2, 2, 2]}, "all scores are 2"),
        ("type: similarity", {**PAIRS, "text1": ["a", " ", "", "b"]}, "'text1' is empty in 2 of 4 rows .*row 2"),
        ("type: similarity", {name: [] for name in PAIRS}, "has no rows"),
        ("type: similarity\ncolumns: {id: n}", {**PAIRS, "n": [1, 2, 2, 3]}, "the id '2' stands 2 times"),
        ("type: pair-classification", {**PAIRS, "label": [1, 0, "maybe", 1]}, "'maybe' is no label of a pair"),
        ("type: classification", {**TEXTS, "label": ["x"] * 12}, "all labels are 'x'"),
        ("type: clustering\ngroup: who", TEXTS, "the column who"),
    ],
)
def test_examples_that_cannot_be_measured(fields: str, table: Table, sentence: str) -> None:
    table = {name: values for name, values in table.items() if values is not None}
    with pytest.raises(HarnessError, match=sentence):
        assert own("mine", f"{fields}\nfile: a.csv", {"a.csv": table}).info


@pytest.mark.parametrize(
    ("fields", "table", "sentence"),
    [
        ("train: b.csv\ntest: a.csv", {**TEXTS, "label": ["x", "z"] * 6}, "the label 'z' is not in the training file"),
        (
            "file: a.csv\ngroup: by",
            {**TEXTS, "label": ["x", "y"] + ["x"] * 10},
            "'y' stands only in one of the groups, 'a'",
        ),
        ("file: a.csv", {**TEXTS, "label": ["y"] + ["x"] * 11}, "'y' stands only once"),
        ("file: a.csv\ngroup: by", {**TEXTS, "by": list("aaabbbcccddd")}, "4 groups cannot be spread over 5 folds"),
        ("file: a.csv\nlanguage: xyz-Latn", TEXTS, "'xyz' of the language"),
    ],
)
def test_labels_that_no_classifier_can_learn(fields: str, table: Table, sentence: str) -> None:
    made = own("mine", f"type: classification\n{fields}", {"a.csv": table, "b.csv": TEXTS})
    with pytest.raises(HarnessError, match=sentence):
        assert made.info


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "does not have the column"),
        ("a.csv", b"text1,text2,score\na,b,1\na,b,c,2\n", "row 2, has 4 cells, and the heading has 3"),
        ("a.csv", b"text1,text2,text2\na,b,1\n", "the column score"),
        ("a.csv", b"text1,text2,score,score\na,b,1,2\n", "two columns 'score'"),
        ("a.csv", b'text1,text2,score\n"a,b,1\n', "cannot be read as a table"),
        ("a.csv", b"text1,text2,score\n\xff,b,1\n", "is not UTF-8 text"),
        ("a.csv.gz", b"text1,text2,score\n", "damaged gzip file"),
        ("a.parquet.gz", b"text1,text2,score\n", "damaged gzip file"),
        ("a.jsonl", b"{\n", "line 1, is not JSON"),
        ("a.xlsx", b"PK", "unsupported file type; give .parquet, .jsonl, .csv or .tsv"),
    ],
)
def test_a_file_that_cannot_be_read(name: str, content: bytes, sentence: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(HarnessError, match=sentence):
        assert own("mine", f"type: similarity\nfile: {name}", {}).info


def test_a_missing_file_and_one_that_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(Path("a.csv"), PAIRS)
    with pytest.raises(HarnessError, match=r"there is no file 'b.csv' in .*did you mean a.csv"):
        assert own("mine", "type: similarity\nfile: b.csv", {}).info
    memory = namedtuple("memory", "available")(available=100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(HarnessError, match=r"needs about 0.0 GB of memory, and 0.0 GB are free"):
        assert own("huge", "type: similarity\nfile: a.csv", {}).info
