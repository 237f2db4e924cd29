"""A folder in the layout of BEIR is a task, scored as mteb scores it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Dataset

from harness.errors import HarnessError
from harness.suites.own import card_task
from harness.suites.own.task import OwnTask
from tests.suites.own.kit import write_card
from tests.suites.small import HashEncoder, SmallRetrieval, own_task


def _folder(publish: str = "ids") -> OwnTask:
    """The data of SmallRetrieval as files."""
    task = SmallRetrieval()
    task.load_data()
    data = task.dataset["default"]["test"]
    Path("set/qrels").mkdir(parents=True, exist_ok=True)
    for name in ("corpus", "queries"):
        rows = [{"_id": row["id"], "text": row["text"], "title": ""} for row in data[name].to_list()]
        Path(f"set/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [
        f"{query}\t{document}\t{score}"
        for query, judged in data["relevant_docs"].items()
        for document, score in judged.items()
    ]
    Path("set/qrels/test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines, ""]))
    return card_task(str(write_card("mine", f"type: retrieval\nfile: set\npublish: {publish}")))


class Judged(SmallRetrieval):
    """The same without the query that is not judged, which a file of judgements cannot name."""

    def load_data(self, **_: object) -> None:
        super().load_data()
        data = self.dataset["default"]["test"]
        data["relevant_docs"] = {query: judged for query, judged in data["relevant_docs"].items() if judged}
        data["queries"] = data["queries"].filter(lambda row: row["id"] in data["relevant_docs"])


def test_the_score_is_mtebs_own() -> None:
    (result,) = _folder().run(HashEncoder())
    (theirs,) = own_task(Judged).run(HashEncoder())
    assert result.score == pytest.approx(theirs.score, abs=1e-9)
    assert result.score > 0
    assert list(result.outcomes["predicted_score"]) == list(theirs.outcomes["predicted_score"])
    names = [name.rsplit(":", 1)[0] for name in theirs.outcomes["example_id"]]
    assert list(result.outcomes["example_id"]) == names
    assert result.shown == {}


class Titled(Judged):
    """As NFCorpus: half of the documents have a title, and judgements are graded."""

    def load_data(self, **_: object) -> None:
        super().load_data()
        data = self.dataset["default"]["test"]
        rows = [
            {**row, "title": "winter king" if n % 2 else "", "text": row["text"]}
            for n, row in enumerate(data["corpus"].to_list())
        ]
        data["corpus"] = Dataset.from_list(rows)


def test_titles_stand_before_texts_as_mteb_has_them() -> None:
    made = _folder()
    path = Path("set/corpus.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for n, row in enumerate(rows):
        row["title"] = "winter king" if n % 2 else ""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (result,), (theirs,) = made.run(HashEncoder()), own_task(Titled).run(HashEncoder())
    assert result.score == pytest.approx(theirs.score, abs=1e-9)
    assert list(result.outcomes["predicted_score"]) == list(theirs.outcomes["predicted_score"])


def test_nothing_or_all_of_it_is_published() -> None:
    (hidden,) = _folder("nothing").run(HashEncoder())
    assert set(hidden.outcomes["example_id"]) == {str(n) for n in range(1, 20)}
    (shown,) = _folder("texts").run(HashEncoder())
    assert shown.shown is not None
    assert set(shown.shown) == set(shown.outcomes["example_id"])


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("qrels/test.tsv", "d0_0\t", "d99\t", "the query 'd99' is judged and is not there"),
        ("qrels/test.tsv", "\td1\t", "\td999\t", "the document 'd999' is judged and is not there"),
        ("qrels/test.tsv", "\td1\t", "\td0\t", "the document 'd0' is judged twice"),
        ("qrels/test.tsv", "d0_0\td0\t2", "d0_0\td0\thigh", "row 1: the score is 'high'"),
        ("corpus.jsonl", '"_id": "d1"', '"_id": "d0"', "the id 'd0' stands 2 times"),
        ("corpus.jsonl", '"text"', '"body"', "does not have the column text"),
    ],
)
def test_judgements_that_do_not_fit(file: str, old: str, new: str, sentence: str) -> None:
    made = _folder()
    path = Path("set") / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(HarnessError, match=sentence):
        assert made.info
