"""kill -9 anywhere, two runs at once: nothing is lost, nothing is done twice, nothing is half there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.store import Store
from tests.whole.conftest import Command

pytestmark = pytest.mark.slow

RUN = ("run", "--variant", "quick", "--tasks", "MiniWiCRight,MiniTopicClustering")


def weights(command: Command) -> str:
    (manifest,) = (command.folder / "cache" / "stages").glob("*/stage.json")
    return str(json.loads(manifest.read_text())["weights_sha256"])


def scores(command: Command) -> dict[tuple[str, str], float]:
    frame = Store(command.folder / "results.duckdb").scores()
    return {(row.variant, row.task): row.score for row in frame.itertuples()}


def test_a_kill_in_training_and_one_in_evaluation(command: Command) -> None:
    command.kill_when(*RUN, seen=lambda line: "training mntp" in line, after=3)
    assert not list((command.folder / "cache" / "stages").glob("*/stage.json"))
    before = scores(command)
    assert {variant for variant, _ in before} == {"bag-of-words", "causal"}

    said = command.kill_when(*RUN, seen=lambda line: "quick (seed 0) · MiniWiCRight" in line)
    assert "training mntp" in said
    assert "causal" not in said.replace("than causal", "")
    after = scores(command)
    assert before.items() <= after.items()
    assert ("quick", "MiniTopicClustering") not in after

    last = command(*RUN)
    assert "training mntp" not in last.stderr
    assert "MiniWiCRight" not in last.stderr
    assert "quick (seed 0) · MiniTopicClustering" in last.stderr
    assert "Nothing to do" in command(*RUN).stderr
    assert "6 of 6 stored scores equal" in command("verify").stdout

    killed, killed_weights = scores(command), weights(command)
    shutil.rmtree(command.folder / "cache")
    (command.folder / "results.duckdb").unlink()
    command(*RUN)
    assert weights(command) == killed_weights
    assert scores(command) == killed


def test_two_runs_at_once_share_one_database(command: Command) -> None:
    first, second = command.start(*RUN), command.start(*RUN)
    for process in (first, second):
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "better than causal" in out
    assert len(list((command.folder / "cache" / "stages").glob("*/stage.json"))) == 1
    assert len(scores(command)) == 6
    checked = command("verify").stdout
    assert " of " in checked
    done, total = checked.split(" stored")[0].split(" of ")
    assert done == total


def test_a_read_only_database_is_refused_before_any_work(command: Command) -> None:
    command("run", "--variant", "causal", "--tasks", "MiniTopicClustering")
    Path(command.folder / "results.duckdb").chmod(0o444)
    said = command("run", "--variant", "quick", "--tasks", "MiniTopicClustering", code=2).stderr
    assert "read-only" in said.strip().splitlines()[-1]
    assert "training" not in said
