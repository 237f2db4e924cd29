"""mteb's own data sets, written out as plain files and read by cards, give mteb's scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.suites.own.kit import own
from tests.suites.small import HashEncoder

# In a process of its own: `datasets` reads its settings when it is imported.
THEIRS = """
import csv, json, sys
from pathlib import Path
from harness.suites.mteb import mteb_task
from harness.suites.mteb.loading import load
from tests.suites.own.kit import write_table
from tests.suites.small import HashEncoder

scores = {}
for name, columns, ending in json.loads(sys.argv[1]):
    made = mteb_task(name)
    task = made._narrowed()
    load(task)
    for split in {"train", "test"} & set(task.dataset):
        rows = task.dataset[split]
        write_table(Path(f"{name}.{split}.{ending}"), {column: list(rows[column]) for column in columns})
    (result,) = made.run(HashEncoder())
    scores[name] = result.score
print(json.dumps(scores))
"""
CARDS = (
    (
        "STSBenchmark",
        ("sentence1", "sentence2", "score"),
        "csv",
        "type: similarity\nfile: STSBenchmark.test.csv\ncolumns: {text1: sentence1, text2: sentence2}",
    ),
    (
        "Banking77Classification",
        ("text", "label"),
        "tsv.gz",
        "type: classification\ntrain: Banking77Classification.train.tsv.gz\ntest: Banking77Classification.test.tsv.gz",
    ),
    (
        "TwentyNewsgroupsClustering.v2",
        ("sentences", "labels"),
        "jsonl",
        "type: clustering\nfile: TwentyNewsgroupsClustering.v2.test.jsonl\nshare: 0.04\n"
        "columns: {text: sentences, label: labels}",
    ),
)


@pytest.mark.slow
def test_mtebs_own_data_as_plain_files(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("datasets")
    make = [sys.executable, str(shared_data / "make_datasets_cache.py"), str(shared_data / "hub"), str(folder)]
    subprocess.run(make, check=True, capture_output=True)
    asked = json.dumps([card[:3] for card in CARDS])
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder)}
    root = str(Path(__file__).parents[3])
    environment["PYTHONPATH"] = os.pathsep.join([root, environment.get("PYTHONPATH", "")])
    said = subprocess.run(
        [sys.executable, "-c", THEIRS, asked], capture_output=True, text=True, check=True, env=environment
    )
    theirs = json.loads(said.stdout.splitlines()[-1])
    for number, (name, _, _, fields) in enumerate(CARDS):
        (result,) = own(f"mine{number}", fields, {}).run(HashEncoder())
        assert result.score == pytest.approx(theirs[name], abs=1e-6), name
        assert theirs[name] != 0
