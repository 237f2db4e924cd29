"""Cards of sets of labels, translations, summaries and reranking: mteb's own score on the same examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskResult
from harness.suites.mteb.loading import load
from harness.suites.own import card_task
from harness.suites.own.folds import FOLDS, folds_of
from harness.suites.own.table import rows_of
from harness.suites.own.task import OwnTask
from tests.suites.own.kit import Table, own, write_card, write_table
from tests.suites.small import HashEncoder, SmallReranking, metadata, own_task, texts
from tests.suites.small_sets import SmallBitext, SmallMultilabelF1, SmallSummaries


class Whole(SmallMultilabelF1):
    """As a card has it: scored by whole sets, of all texts."""

    metadata = metadata("Whole", "MultilabelClassification", "accuracy")


def _data(task: type) -> dict[str, dict[str, list[Any]]]:
    made = task()
    load(made)
    return {split: {name: list(rows[name]) for name in rows.column_names} for split, rows in made.dataset.items()}


def _same(mine: TaskResult, task: type) -> None:
    (theirs,) = own_task(task).run(HashEncoder())
    assert mine.score == pytest.approx(theirs.score, abs=1e-9)
    assert score_outcomes(mine.key.metric, mine.outcomes) == pytest.approx(theirs.score, abs=1e-6)
    answers = ["gold_label", "predicted_label", "gold_score", "predicted_score"]
    assert mine.outcomes[answers].isna().equals(theirs.outcomes[answers].isna())
    assert len(mine.outcomes) == len(theirs.outcomes)


@pytest.mark.parametrize("file", ["csv", "jsonl"])
def test_sets_of_labels(file: str) -> None:
    for split, table in _data(Whole).items():
        if file == "csv":
            table["label"] = [" | ".join(labels) for labels in table["label"]]
        write_table(Path(f"{split}.{file}"), table)
    fields = f"train: train.{file}\ntest: test.{file}\ndraws: 3\ncolumns: {{labels: label}}\nseparator: '|'"
    (result,) = own("mine", f"type: multilabel-classification\n{fields}", {}).run(HashEncoder())
    _same(result, Whole)
    (theirs,) = own_task(Whole).run(HashEncoder())
    assert list(result.outcomes["predicted_label"]) == list(theirs.outcomes["predicted_label"])


def test_translations() -> None:
    table = {"de": (data := _data(SmallBitext)["test"])["sentence1"], "en": data["sentence2"]}
    fields = "type: bitext\nfile: a.tsv\ncolumns: {text1: de, text2: en}\nlanguage: deu-Latn\nlanguage2: eng-Latn"
    (result,) = own("mine", fields, {"a.tsv": table}).run(HashEncoder())
    _same(result, SmallBitext)
    assert list(result.outcomes["gold_label"]) == list(result.outcomes["example_id"]) == [str(n + 1) for n in range(70)]
    (nothing,) = own("mine", f"{fields}\npublish: nothing", {"a.tsv": table}).run(HashEncoder())
    assert nothing.outcomes.equals(result.outcomes)
    named = {**table, "name": [f"n{n}" for n in range(70)]}
    fields = fields.replace("{text1", "{id: name, text1")
    (result,) = own("mine", fields, {"a.tsv": named}).run(HashEncoder())
    assert set(result.outcomes["predicted_label"]) <= set(named["name"])


@pytest.mark.parametrize("file", ["csv", "jsonl"])
def test_summaries(file: str) -> None:
    data = _data(SmallSummaries)["test"]
    rows = []
    for n, text in enumerate(data["text"]):
        for k, summary in enumerate(data["machine_summaries"][n]):
            references = data["human_summaries"][n]
            # A table holds a reference a row; a list may hold all of them.
            reference: Any = references if file == "jsonl" else references[k] if k < len(references) else ""
            rows.append({"text": text, "summary": summary, "reference": reference, "score": data["relevance"][n][k]})
    table = {name: [row[name] for row in rows] for name in rows[0]}
    made = own("mine", f"type: summarization\nfile: a.{file}", {f"a.{file}": table})
    (result,) = made.run(HashEncoder())
    _same(result, SmallSummaries)
    assert result.outcomes["unit"].nunique() == 9
    assert list(result.outcomes["example_id"])[:6] == ["1", "2", "3", "4", "5", "6"]
    assert result.shown == {}
    assert made.cost == len(set(texts(50, 55)).union(*data["human_summaries"]))


def _reranking(*, listed: bool, publish: str = "ids") -> OwnTask:
    task = SmallReranking()
    task.load_data()
    data = task.dataset["default"]["test"]
    Path("set/qrels").mkdir(parents=True, exist_ok=True)
    for name in ("corpus", "queries"):
        rows = [{"_id": row["id"], "text": row["text"]} for row in data[name].to_list()]
        Path(f"set/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = data["relevant_docs"]
    lines = [f"{query}\t{document}\t{s}" for query, found in judged.items() for document, s in found.items()]
    Path("set/qrels/test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines, ""]))
    if listed:
        rows = [{"query-id": query, "corpus-ids": documents} for query, documents in data["top_ranked"].items()]
        Path("set/top_ranked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return card_task(str(write_card("mine", f"type: reranking\nfile: set\npublish: {publish}")))


class Judged(SmallReranking):
    """Without the query that is not judged, which a file of judgements cannot name."""

    by_judgement = False

    def load_data(self, **_: object) -> None:
        super().load_data()
        data = self.dataset["default"]["test"]
        data["relevant_docs"] = {query: judged for query, judged in data["relevant_docs"].items() if judged}
        data["queries"] = data["queries"].filter(lambda row: row["id"] in data["relevant_docs"])
        if self.by_judgement:
            data["top_ranked"] = {query: list(judged) for query, judged in data["relevant_docs"].items()}


class OfJudged(Judged):
    by_judgement = True


@pytest.mark.parametrize("listed", [True, False])
def test_reranking(listed: bool) -> None:
    (result,) = _reranking(listed=listed).run(HashEncoder())
    _same(result, Judged if listed else OfJudged)


def test_what_is_wrong_with_candidates() -> None:
    made = _reranking(listed=True)
    path = Path("set/top_ranked.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    for text, sentence in (
        (lines[0].replace('"d0", ', '"d999", ') + "".join(lines[1:]), "the document 'd999' is named and is not there"),
        ("".join(lines[1:]), "has no documents for the query 'd0_0'"),
        (json.dumps({"query-id": "d0_0", "corpus-ids": "d1"}) + "\n", "row 1: 'corpus-ids' is not a list"),
    ):
        path.write_text(text)
        with pytest.raises(HarnessError, match=sentence):
            assert made.info


def test_sets_of_labels_in_one_file_are_split_into_folds_that_keep_groups_together() -> None:
    lines = texts(90, 5)
    labels = [";".join(word for word in ("water", "king", "road") if word in line) for line in lines]
    table = {"text": lines, "labels": labels, "by": [i % 9 for i in range(90)]}
    fields = "type: multilabel-classification\nfile: a.csv\ngroup: by\ndraws: 2"
    made = own("mine", fields, {"a.csv": table})
    for fold_N in folds_of(made.card, rows_of(made.card)):
        assert set(fold_N) == set(range(FOLDS))
        assert all(len(set(fold_N[np.array(table["by"]) == group])) == 1 for group in range(9))
    (result,) = made.run(HashEncoder())
    assert list(result.outcomes["trial"].value_counts()) == [90, 90]
    assert score_outcomes("accuracy", result.outcomes) == pytest.approx(result.score)
    assert json.loads(result.outcomes["gold_label"][0]) == sorted(filter(None, labels[0].split(";")))
    (hidden,) = own("mine", f"{fields}\npublish: nothing", {"a.csv": table}).run(HashEncoder())
    assert hidden.score == result.score
    assert set("".join(hidden.outcomes["gold_label"])) <= set('[]"012, ')


SUMMARIES = {"text": ["a", "a"], "summary": ["b", "c"], "reference": ["d", ""], "score": [1, 2]}
SETS = {"text": texts(40, 5), "labels": ["x;y", "x", "y", ""] * 10}


@pytest.mark.parametrize(
    ("fields", "table", "sentence"),
    [
        ("type: summarization", {**SUMMARIES, "reference": ["", ""]}, "row 1: no row of this text has a reference"),
        ("type: summarization", {**SUMMARIES, "text": ["a", "e"], "reference": ["d"] * 2}, "nothing to put in order"),
        ("type: bitext", {"text1": ["a"], "text2": ["b"]}, "has one pair"),
        ("type: bitext\nlanguage2: xxx-Latn", {"text1": ["a", "b"], "text2": ["b", "c"]}, "'xxx' of the language"),
        ("type: similarity\nlanguage2: deu-Latn", {"text1": ["a"]}, "`language2` has no effect on .* similarity"),
        ("type: multilabel-classification", {**SETS, "labels": ["x|y"] * 40}, "all labels are 'x|y'.*parted by ';'"),
        ("type: multilabel-classification\nsamples_per_label: 4", SETS, "samples_per_label of 5 or more"),
        ("type: multilabel-classification", {**SETS, "labels": ["x;z", *SETS["labels"][1:]]}, "'z' stands only once"),
    ],
)  # fmt: skip
def test_examples_that_cannot_be_measured(fields: str, table: Table, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        assert own("mine", f"{fields}\nfile: a.csv", {"a.csv": table}).info


def test_a_label_that_no_training_text_has() -> None:
    test = {**SETS, "labels": ["x;z", *SETS["labels"][1:]]}
    fields = "type: multilabel-classification\ntrain: a.csv\ntest: b.csv"
    with pytest.raises(HarnessError, match="the label 'z' is not in the training file"):
        assert own("mine", fields, {"a.csv": SETS, "b.csv": test}).info
