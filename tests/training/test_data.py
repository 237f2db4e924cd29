from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.bases import Base
from harness.errors import HarnessError
from harness.training import parse_recipe
from harness.training.trained import TrainedStage

TRIPLES = [{"anchor": f"a{i}", "positive": f"p{i}", "negative": f"n{i}", "more": i} for i in range(5)]


BASE = Base(name="any", folder=Path("any"), revision="")


def stage(kind: str, source: str, examples: int) -> TrainedStage:
    fields = {"steps": 1, "batch_size": 2, "max_length": 8, "learning_rate": 1e-3}
    made = {"kind": kind, "data": source, "examples": examples, **fields}
    (found,) = parse_recipe({"attention": "causal", "stages": [made]}).stages
    assert isinstance(found, TrainedStage)
    return found


def write(name: str) -> str:
    path = Path(name)
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in TRIPLES))
    elif path.suffix == ".parquet":
        pd.DataFrame(TRIPLES).to_parquet(path)
    else:
        path.write_text("one\n\ntwo\nthree\n")
    return str(path)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_triplets_from_a_file(name: str) -> None:
    every = stage("supcon", write(name), 9).rows()
    assert every == [(f"a{i}", f"p{i}", f"n{i}") for i in range(5)]
    drawn = stage("supcon", name, 3).rows()
    assert len(drawn) == 3
    assert set(drawn) < set(every)
    assert drawn == stage("supcon", name, 3).rows()


def test_lines_of_text_skip_the_empty_ones() -> None:
    assert stage("mntp", write("lines.txt"), 9).rows() == [("one",), ("two",), ("three",)]


def test_the_embedded_data_is_the_same_every_time() -> None:
    for kind, width in (("mntp", 1), ("simcse", 1), ("supcon", 3)):
        data = stage(kind, "mini", 20)
        rows = data.rows()
        assert len(rows) == 20
        assert {len(row) for row in rows} == {width}
        assert rows == data.rows()
        assert data.fingerprint(BASE) == stage(kind, "mini", 20).fingerprint(BASE)


def test_the_fingerprint_changes_with_the_text_and_with_the_share_taken() -> None:
    data = stage("mntp", write("lines.txt"), 9)
    first = data.fingerprint(BASE)
    assert stage("mntp", "lines.txt", 8).fingerprint(BASE) != first
    Path("lines.txt").write_text("another\n")
    assert data.fingerprint(BASE) != first


@pytest.mark.parametrize(
    ("kind", "name", "content", "sentence"),
    [
        ("mntp", "absent.txt", None, "neither `mini`, nor a file"),
        ("supcon", "lines.txt", "x", r"give \.parquet, \.jsonl, \.csv or \.tsv"),
        ("mntp", "rows.docx", "x", r"give \.parquet, \.jsonl, \.csv, \.tsv or \.txt"),
        ("mntp", "rows.csv", "x", "does not have the column text or sentence"),
        ("supcon", "rows.jsonl", '{"anchor": "a"}', "does not have the column positive, negative"),
        ("supcon", "rows.jsonl", "{", "line 1, is not JSON"),
        ("mntp", "rows.parquet", "no parquet", "is not a parquet file"),
        ("mntp", "empty.txt", "\n", "has no example"),
    ],
)
def test_bad_data_is_refused_in_one_sentence(kind: str, name: str, content: str | None, sentence: str) -> None:
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(HarnessError, match=sentence):
        stage(kind, name, 9).rows()


LATIN = "Un caf\u00e9".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("latin.txt", LATIN, "is not UTF-8 text"),
        ("latin.jsonl", b'{"text": "' + LATIN + b'"}', "is not UTF-8 text"),
        ("sixteen.jsonl", '{"text": "a"}'.encode("utf-16"), "is not UTF-8 text"),
        ("deep.jsonl", b"[" * 200_000, "line 1, is not JSON"),
        ("damaged.parquet", None, "is a damaged parquet file"),
    ],
)
def test_bytes_that_are_no_text(name: str, content: bytes | None, sentence: str) -> None:
    if content is None:
        table = pa.table({"text": [f"line {i} of the table" for i in range(4000)]})
        pq.write_table(table, name, compression="none", use_dictionary=False)
        content = bytearray(Path(name).read_bytes())
        content[200:1200] = b"\xff" * 1000
    Path(name).write_bytes(content)
    with pytest.raises(HarnessError, match=sentence):
        stage("mntp", name, 9).rows()


def test_a_byte_order_mark_is_no_text_and_half_a_surrogate_pair_is_replaced() -> None:
    Path("mark.txt").write_text("the cat\n", encoding="utf-8-sig")
    Path("mark.jsonl").write_text('{"text": "the cat"}\n{"text": "a \\ud83d b"}', encoding="utf-8-sig")
    assert stage("mntp", "mark.txt", 9).rows() == [("the cat",)]
    assert sorted(stage("mntp", "mark.jsonl", 9).rows()) == [("a \ufffd b",), ("the cat",)]


def test_a_missing_file_is_noticed_while_planning() -> None:
    with pytest.raises(HarnessError, match="neither `mini`, nor a file"):
        stage("mntp", "absent.txt", 9).fingerprint(BASE)
