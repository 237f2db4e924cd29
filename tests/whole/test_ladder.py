"""The embedded default as an instrument: every variant, and what must be true of it. Then its ladder on a cluster."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest

from harness.cards import card_folders, load_cards, of_all
from harness.compare.contrasts import declared_contrasts
from harness.engines.member import at_work
from harness.store import Store
from harness.suites.mini import TASKS
from tests.engines.kit import CELL, fake_gpus, rows
from tests.whole.conftest import Command

pytestmark = pytest.mark.slow

CARDS = {name: card for name, card in load_cards().items() if name in of_all(load_cards())}
PACKAGED = card_folders()[0]
CHANCE = {"MiniAnimacyBefore": 1 / 2, "MiniDomainBefore": 1 / 12}
ALL = ("MiniSTS", *CHANCE)  # tasks that every variant is measured on
LADDER = declared_contrasts().rungs
WHOLE = ("bag-of-words", *LADDER)  # measured on all tasks
# Controls outside the ladder: their supervised stage takes a fifth of its steps here.
SHORTER = ("causal-supcon", "causal-slots-supcon")
TRAINED = [name for name in LADDER if CARDS[name].recipe.stages]
STUDY = ("run", *(word for name in LADDER for word in ("--variant", name)), "--seeds", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(tmp_path_factory.mktemp("ladder"))
    (command.folder / "model_cards").mkdir()
    for name in SHORTER:
        packaged = (PACKAGED / f"{name}.md").read_text()
        shorter = packaged.replace("examples: 12000, steps: 250,", "examples: 2400, steps: 50,")
        assert shorter != packaged
        (command.folder / "model_cards" / f"{name}.md").write_text(shorter)
    first = command("run", "--variant", "bidir-supcon")
    assert "bidir-supcon is better than causal on" in first.stdout
    assert Path(command.folder, "leaderboard", "site", "index.html").is_file()
    assert "Nothing to measure" in command("run", "--variant", "bidir-supcon").stderr
    command(*STUDY)
    command("run", "--all", "--tasks", ",".join(ALL))
    return command


@pytest.fixture(scope="module")
def scores(ladder: Command) -> pd.DataFrame:
    """Score by task (rows) and variant (columns)."""
    frame = Store(ladder.folder / "results.duckdb").scores()
    frame = frame[frame["seed"].fillna(0) == 0]
    return frame.pivot(index="task", columns="variant", values="score")


def test_every_variant_has_its_tasks(scores: pd.DataFrame) -> None:
    assert set(scores.columns) == {*CARDS, "bag-of-words"}
    assert set(scores.index) == {entry.name for entry in TASKS}
    assert scores.loc[list(ALL)].notna().all(axis=None)
    assert scores[list(WHOLE)].notna().all(axis=None)


def test_before_the_target_causal_is_at_chance_and_what_sees_it_far_above(scores: pd.DataFrame) -> None:
    for task, chance in CHANCE.items():
        for variant, card in CARDS.items():
            score = scores.loc[task, variant]
            twice = any(each.copies > 1 for each in card.recipe.templates)  # a second copy has seen all of the first
            if card.recipe.attention == "causal" and not twice:
                assert score == pytest.approx(chance, abs=0.03), (task, variant)
            elif card.recipe.weights == "pretrained":
                assert score > chance + 0.15, (task, variant)


def test_no_task_is_at_its_ceiling_or_its_floor_for_all(scores: pd.DataFrame) -> None:
    variants = [name for name in CARDS if name != "random"]  # the scores that are not there are left out
    for task in scores.index:
        row, floor = scores.loc[task, variants], scores.loc[task, "bag-of-words"]
        assert row.min() <= 0.97, task
        assert row.max() >= floor + 0.03, task


def test_every_stored_score_is_recomputed(ladder: Command) -> None:
    said = ladder("verify").stdout
    systems = len(CARDS) + 1  # bag-of-words is the one more
    stored = (len(WHOLE) + len(TRAINED)) * len(TASKS) + (systems - len(WHOLE)) * len(ALL)
    assert said.startswith(f"{stored} of {stored} stored scores equal")


def test_compare_any_two(ladder: Command) -> None:
    said = ladder("compare", "bidir-supcon", "causal-supcon").stdout
    assert "bidir-supcon is better than causal-supcon on" in said


def stage_of(process: psutil.Process) -> Path | None:
    """The folder in which a process trains, once it has a checkpoint there."""
    try:
        locks = [Path(each.path) for each in process.open_files() if each.path.endswith(".lock")]
    except psutil.Error:  # it ends while it is looked at
        return None
    parts = [lock.with_suffix(".part") for lock in locks if lock.parent.name == "stages"]
    return next((part for part in parts if list(part.glob("*/complete"))), None)


def until(find: Callable[[], psutil.Process | None], command: subprocess.Popen[str]) -> psutil.Process:
    """What is found while the command is at work."""
    while (found := find()) is None:
        assert command.poll() is None, "the command ended before anything could be killed"
        time.sleep(0.5)
    return found


def weights(folder: Path) -> dict[str, str]:
    """The hash of each trained stage by its address."""
    found = (folder / "cache" / "stages").glob("*/stage.json")
    return {path.parent.name: json.loads(path.read_text())["weights_sha256"] for path in found}


@pytest.mark.enable_socket
def test_where_a_process_and_a_node_die_every_number_is_that_of_one_process(ladder: Command, tmp_path: Path) -> None:
    """The ladder in two seeds, with the recipes of the package and all tasks, on three nodes with a fake GPU each.

    A process that measures is killed, and the node of a process that trains.
    """
    far, near = Command(tmp_path), ladder.folder / "results.duckdb"
    database = far.folder / "results.duckdb"

    def measures() -> psutil.Process | None:
        stored = database.exists() and len(Store(database).scores()) >= 10
        return next((each for each in at_work() if stage_of(each) is None), None) if stored else None

    def trains() -> psutil.Process | None:
        """A process in the second stage of a system."""
        return next(filter(stage_of, at_work()), None) if len(weights(far.folder)) >= 2 else None

    with fake_gpus(3) as cluster, ThreadPoolExecutor(1) as reader:
        command = far.start(*STUDY, "--engine", "ray", "--address", cluster.address, "--cell", CELL)
        said = reader.submit(command.communicate)
        try:
            until(measures, command).kill()
            raylet = until(trains, command).ppid()
            (node,) = [node for node in cluster.gpus if node.all_processes["raylet"][0].process.pid == raylet]
            cluster.remove_node(node, allow_graceful=False)
            results, errors = said.result()
        finally:
            command.kill()
        assert command.returncode == 0, errors
        assert "(raylet)" not in results
        assert not at_work()
    began = Counter(re.findall(r"\d\d  (\S.*) · training (\w+): .* on ", errors))
    lost = Counter(re.findall(r"\d\d  (\S.*) · (\w+): its process on .* is lost; tried again", errors))
    assert lost.total() >= 2
    assert "went on after step" in errors
    # Three stages in two seeds: each begins once, and once more for each time that its process is lost.
    assert len(began) == 2 * len(TRAINED)
    assert began == {what: 1 + lost[what] for what in began}
    assert weights(far.folder).items() <= weights(ladder.folder).items()
    assert not list((far.folder / "cache").glob("engine-*"))
    store = Store(database)
    assert all(check.ok for check in store.verify())
    assert store.scores(current=False)["task"].value_counts().to_dict() == dict.fromkeys(
        (entry.name for entry in TASKS), len(WHOLE) + len(TRAINED)
    )
    for here, there in zip(rows(Store(near), WHOLE), rows(store), strict=True):
        assert here.equals(there)  # assert_frame_equal is not exact for columns that may lack a value
