"""kill -9 anywhere, two runs at once: nothing is lost, nothing is done twice, nothing is half there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
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
    assert "Nothing to measure" in command(*RUN).stderr
    assert "6 of 6 stored scores equal" in command("verify").stdout

    killed, killed_weights = scores(command), weights(command)
    shutil.rmtree(command.folder / "cache")
    (command.folder / "results.duckdb").unlink()
    command(*RUN)
    assert weights(command) == killed_weights
    assert scores(command) == killed


THREE_STAGES = """---
variant: three
title: "All stages, short"
attention: bidirectional
stages:
  - {kind: mntp, examples: 800, steps: 60, batch_size: 16, max_length: 64, learning_rate: 2.0e-3}
  - {kind: simcse, examples: 800, steps: 60, batch_size: 16, max_length: 64, learning_rate: 2.0e-3}
  - {kind: supcon, examples: 800, steps: 60, batch_size: 16, max_length: 64, learning_rate: 2.0e-3}
---

Three.
"""


def test_a_kill_in_the_middle_of_each_stage(command: Command) -> None:
    """The same command goes on from a checkpoint, to the weights of a run that nobody disturbed."""
    Path("model_cards/three.md").write_text(THREE_STAGES)
    train, stages = ("train", "--variant", "three"), command.folder / "cache" / "stages"

    def whole_checkpoints() -> list[Path]:
        """Of stages that are not finished; a finished one's are about to be removed."""
        return [path for path in stages.glob("*.part/*/complete") if not path.parents[1].with_suffix("").exists()]

    for finished in range(3):
        process = command.start(*train)
        while len(list(stages.glob("*/stage.json"))) < finished or not whole_checkpoints():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert len(list(stages.glob("*/stage.json"))) == finished
    last = command(*train)
    assert "going on after step" in last.stderr
    resumed = Path(last.stdout.strip())
    command.environment["HARNESS_CACHE"] = str(command.folder / "another")
    undisturbed = Path(command(*train).stdout.strip())
    assert resumed != undisturbed
    first, second = (json.loads((folder / "stage.json").read_text()) for folder in (resumed, undisturbed))
    assert first["weights_sha256"] == second["weights_sha256"]
    assert first["losses"] == second["losses"]


def test_four_runs_at_once_divide_one_study(command: Command) -> None:
    processes = [command.start(*RUN) for _ in range(4)]
    said = []
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "better than causal" in out
        said += err.splitlines()
    measured = [line for line in said if re.search(r"· Mini\w+: .* in \d+ s", line)]
    assert len(measured) == 6, "a result is measured twice:\n" + "\n".join(said)
    assert not list(command.folder.glob(".*.claims"))
    assert len(list((command.folder / "cache" / "stages").glob("*/stage.json"))) == 1
    assert len(scores(command)) == 6
    assert len(Store(command.folder / "results.duckdb").scores(current=False)) == 6, "a result is stored twice"
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
