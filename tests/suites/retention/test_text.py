"""What retention is measured on: read, named, and told apart from what was trained on."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.mini import corpus, grammar
from harness.mini.corpus import held_out_documents
from harness.suites import layers, mini
from harness.suites.retention import SUITE, choose_text
from harness.suites.retention.text import WIKITEXT_DATA, open_text

SENTENCE = re.compile(r"[^.]+\.")


def sentences(document: str) -> list[str]:
    return [sentence.strip() for sentence in SENTENCE.findall(document)]


@pytest.mark.slow
def test_no_passage_of_the_held_out_documents_was_trained_on() -> None:
    documents = held_out_documents(1, 400)
    assert documents == held_out_documents(1, 400)
    trained = set(chain.from_iterable(map(sentences, corpus.pretraining_documents(0, 3000))))
    trained |= set(corpus.sentences(1, 3000)) | set(chain(*corpus.triplets(1, 1000)))
    for document in documents:
        found = sentences(document)
        fresh = [sentence for sentence in found if grammar.is_reserved(sentence)]
        assert fresh, document
        assert not trained & set(fresh)
        # a passage has at most three sentences, and each holds a reserved one
        assert len(fresh) * 3 >= len(found), document


@pytest.mark.parametrize(
    ("name", "content", "documents"),
    [
        ("lines.txt", "one\ntwo\n\n", ("one", "two")),
        ("paragraphs.txt", "one\nmore\n\n \ntwo\n", ("one\nmore", "two")),
        ("rows.jsonl", '{"text": "one"}\n{"text": " "}\n{"text": "two", "more": 1}\n', ("one", "two")),
        ("rows.parquet", ["one", "", "two"], ("one", "two")),
    ],
)
def test_files(name: str, content: str | list[str], documents: tuple[str, ...]) -> None:
    write(name, content)
    text = open_text(name)
    assert (text.name, text.documents()) == (Path(name).stem, documents)
    revision = text.revision
    write(name, content + content[:1])
    assert open_text(name).revision != revision


def write(name: str, content: str | list[str]) -> None:
    if isinstance(content, list):
        pd.DataFrame({"text": content}).to_parquet(name)
    else:
        Path(name).write_text(content)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("absent.txt", None, "neither `mini`, `wikitext-2`, nor a file"),
        ("empty.txt", "\n \n", "has no text"),
        ("rows.doc", "x", r"give \.parquet, \.jsonl, \.csv, \.tsv or \.txt"),
        ("hub:Salesforce/wikitext@main/x.parquet", None, "write hub:ORG/NAME@COMMIT/PATH"),
        ("rows.jsonl", "{", "line 1, is not JSON"),
        ("rows.jsonl", '{"body": "x"}', "does not have the column text"),
        ("rows.parquet", "no parquet", "is not a parquet file"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(name: str, content: str | None, sentence: str) -> None:
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(HarnessError, match=sentence):
        open_text(name).documents()


def test_a_parquet_file_without_text_and_a_file_that_is_not_utf8() -> None:
    pd.DataFrame({"body": ["x"]}).to_parquet("rows.parquet")
    with pytest.raises(HarnessError, match="does not have the column text or sentence; it has body"):
        open_text("rows.parquet").documents()
    Path("latin.txt").write_bytes("süß".encode("latin-1"))
    with pytest.raises(HarnessError, match="write it again as UTF-8"):
        open_text("latin.txt").documents()


def test_which_text_a_run_takes() -> None:
    Path("own.txt").write_text("one")
    names, sentences = SUITE.tasks, mini.SUITE.tasks[:1]
    assert choose_text(sentences, base="mini", source=None) is None
    assert choose_text(names, base="mini", source=None) == open_text("mini")
    assert choose_text(names[:1], base="other", source="own.txt") == open_text("own.txt")
    with pytest.raises(HarnessError, match="retention on base other needs a text"):
        choose_text(names, base="other", source=None)
    with pytest.raises(HarnessError, match="layers on base other needs a text"):
        choose_text(layers.TASKS, base="other", source=None)
    with pytest.raises(HarnessError, match="is for retention tasks, and none was given; add --suite retention"):
        choose_text(sentences, base="mini", source="own.txt")


def test_wikitext_is_read_from_the_hubs_cache_an_article_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HarnessError, match="could not be fetched from the hub"):
        open_text("wikitext-2")
    file = tmp_path / "datasets--Salesforce--wikitext" / "snapshots" / WIKITEXT_DATA.revision / WIKITEXT_DATA.path
    file.parent.mkdir(parents=True)
    rows = [
        "",
        " = Robert = \n",
        "",
        " He was one . \n",
        " = = Career = = \n",
        " More . \n",
        " = The Cat = \n",
        " It . \n",
    ]
    pd.DataFrame({"text": rows}).to_parquet(file)
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    text = open_text("wikitext-2")
    assert text.name == "wikitext-2"
    assert text.documents() == ("= Robert = \n He was one . \n = = Career = = \n More .", "= The Cat = \n It .")
