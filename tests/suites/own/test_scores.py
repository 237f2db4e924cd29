"""A task of a card scores what mteb scores on the same examples, and keeps to what its card publishes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.suites.mteb.loading import load
from harness.suites.own.folds import FOLDS, folds_of
from harness.suites.own.table import rows_of
from tests.suites.own.kit import own, write_card, write_table
from tests.suites.small import (
    HashEncoder,
    SmallClassification,
    SmallClustering,
    SmallPairs,
    SmallSTS,
    own_task,
    texts,
)

COLUMNS = {
    "similarity": "{text1: sentence1, text2: sentence2}",
    "pair-classification": "{text1: sentence1, text2: sentence2, label: labels}",
    "classification": "{}",
    "clustering": "{text: sentences, label: labels}",
}


class SmallWholeClustering(SmallClustering):
    """As a card has it: all documents are read, as many are clustered as mteb takes."""

    max_document_to_embed = None
    max_documents_per_cluster = 16_384
    n_clusters = 10


def _card_of(task: type, kind: str, file: str) -> str:
    """The data of mteb's task as files, and the fields of a card that reads them."""
    made = task()
    load(made)
    data = {split: {name: list(rows[name]) for name in rows.column_names} for split, rows in made.dataset.items()}
    for split, table in data.items():
        write_table(Path(f"{split}.{file}"), table)
    files = f"train: train.{file}\ntest: test.{file}\ndraws: 3" if "train" in data else f"file: test.{file}"
    return f"type: {kind}\n{files}\ncolumns: {COLUMNS[kind]}"


@pytest.mark.parametrize(
    ("task", "kind", "file"),
    [
        (SmallSTS, "similarity", "csv"),
        (SmallPairs, "pair-classification", "tsv"),
        (SmallClassification, "classification", "jsonl.gz"),
        pytest.param(SmallWholeClustering, "clustering", "parquet", marks=pytest.mark.slow),
    ],
)
def test_the_score_is_mtebs_own(task: type, kind: str, file: str) -> None:
    (result,) = own("mine", _card_of(task, kind, file), {}).run(HashEncoder())
    (theirs,) = own_task(task).run(HashEncoder())
    assert result.score == pytest.approx(theirs.score, abs=1e-9)
    assert score_outcomes(result.key.metric, result.outcomes) == pytest.approx(theirs.score, abs=1e-6)
    columns = ["trial", "gold_label", "gold_score"]
    assert result.outcomes[columns].equals(theirs.outcomes[columns])
    assert len(result.outcomes) == len(theirs.outcomes)


def test_two_formats_are_two_revisions_with_one_score() -> None:
    fields = _card_of(SmallSTS, "similarity", "csv")
    (first,) = own("mine", fields, {}).run(HashEncoder())
    _card_of(SmallSTS, "similarity", "parquet")
    (second,) = own("mine", fields.replace(".csv", ".parquet"), {}).run(HashEncoder())
    assert first.key.revision != second.key.revision
    assert first.score == second.score


def test_one_file_is_split_into_folds_that_keep_groups_together() -> None:
    lines = texts(90, 5)
    table = {
        "text": lines,
        "label": ["w" if "water" in line else "n" for line in lines],
        "by": [i % 9 for i in range(90)],
    }
    made = own("mine", "type: classification\nfile: a.csv\ngroup: by\ndraws: 2", {"a.csv": table})
    folds = folds_of(made.card, rows_of(made.card))
    for fold_N in folds:
        assert set(fold_N) == set(range(FOLDS))
        assert all(len(set(fold_N[np.array(table["by"]) == group])) == 1 for group in range(9))
    assert (folds[0] != folds[1]).any()
    (result,) = made.run(HashEncoder())
    assert list(result.outcomes["trial"].value_counts()) == [90, 90], "every example is predicted once in each trial"
    assert set(result.outcomes["unit"]) == set(map(str, range(9)))
    assert set(result.outcomes["predicted_label"]) <= {"w", "n"}


def test_readers_see_what_the_card_publishes() -> None:
    words = {
        "text1": texts(30, 1),
        "text2": texts(30, 2),
        "score": list(range(30)),
        "n": [f"no {i}" for i in range(30)],
    }
    fields = "type: similarity\nfile: a.csv\ngroup: text1"
    seen = {}
    for publish in ("texts", "ids", "nothing"):
        made = own("mine", f"{fields}\npublish: {publish}\ncolumns: {{id: n}}", {"a.csv": words})
        (seen[publish],) = made.run(HashEncoder())
    assert seen["texts"].shown == {f"no {i}": f"{words['text1'][i]} ⟷ {words['text2'][i]}" for i in range(30)}
    assert seen["ids"].shown == seen["nothing"].shown == {}
    assert list(seen["ids"].outcomes["example_id"]) == words["n"]
    told = seen["nothing"].outcomes.to_csv()
    assert not any(word in told for column in ("text1", "text2", "n") for line in words[column] for word in line.split()
                   if not word.isdigit())  # fmt: skip
    assert len({result.score for result in seen.values()}) == 1
    assert seen["nothing"].outcomes["unit"].nunique() == len(set(words["text1"]))


def test_labels_are_numbers_where_nothing_is_published() -> None:
    lines = texts(40, 5)
    table = {"text": lines, "label": ["wet" if "water" in line else "dry" for line in lines]}
    scores = []
    for publish in ("ids", "nothing"):
        fields = f"type: classification\nfile: a.csv\ndraws: 1\npublish: {publish}"
        (result,) = own("mine", fields, {"a.csv": table}).run(HashEncoder())
        scores.append(result.score)
        labels = set(result.outcomes["gold_label"]) | set(result.outcomes["predicted_label"])
        assert labels == ({"wet", "dry"} if publish == "ids" else {"0", "1"})
    assert scores[0] == scores[1]


def test_files_that_change_while_they_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    made = own("mine", _card_of(SmallSTS, "similarity", "csv"), {})
    assert made.info
    Path("test.csv").write_text(Path("test.csv").read_text().replace("north", "south"))
    with pytest.raises(HarnessError, match="were changed while it was measured"):
        made.run(HashEncoder())


def test_a_card_without_a_file_of_its_own_on_this_machine_is_public() -> None:
    path = write_card("mine", f"type: similarity\nfile: hub:a/b@{'0' * 40}/x.csv")
    from harness.suites.own import read_task_card

    assert read_task_card(path).publish == "texts"
