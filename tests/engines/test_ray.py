"""A study on a Ray cluster of several nodes on this machine, with workers and nodes that die: what comes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from harness.engines.cluster import RayEngine
from harness.engines.connect import import_ray
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.run.cells import RunCell
from harness.run.loop import execute
from harness.run.plan import RunPlan
from harness.store import Store
from tests.conftest import library
from tests.run.conftest import _small_tasks  # noqa: F401  two small tasks, cards that train in seconds
from tests.run.kit import Ear, go, plan, request

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
ROOT = Path(__file__).parents[2]
CELL = "gpus=1,cpus=0,memory=0.1"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without GPUs and three nodes with one each, which nothing checks."""
    import pytest_socket

    library("ray")
    pytest_socket.enable_socket()  # a fixture of a module comes before the marker
    python_path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [python_path])])
    ray = import_ray(alone=False)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    made.gpus = [made.add_node(num_cpus=1, num_gpus=1) for _ in range(3)]
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()
    if python_path is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = python_path


def test_kills_of_processes_nodes_and_the_command_lose_nothing_and_store_nothing_twice() -> None:
    """The script behind the table of docs/cluster.md, with one kill of each kind; it compares with one process."""
    library("ray")
    script = ROOT / "benchmarks" / "kills.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), "--kills", "3", "--cells", "30"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert sorted(row[3].strip() for row in rows) == ["command", "node", "process"]
    assert "30 results; nothing lost, nothing twice, all as in one process" in done.stdout


def at_work() -> list[psutil.Process]:
    """Processes of the cluster that carry out a cell; one that ends while they are looked at has no command line."""
    each = psutil.process_iter(["cmdline"], ad_value=[])
    return [process for process in each if "Member.carry_out" in " ".join((process.info["cmdline"] or [])[:1])]


class Disturbed(RayEngine):
    """Loses a worker as the third cell begins, and a node as the seventh does."""

    def __init__(self, cluster: Any) -> None:
        super().__init__(address=cluster.address, cell=CELL)
        self._cluster, self._begun = cluster, 0

    def submit(self, cell: RunCell) -> None:
        super().submit(cell)
        self._begun += 1
        if self._begun == 3:
            threading.Timer(0.3, kill_one).start()
        if self._begun == 7:
            self._cluster.remove_node(self._cluster.gpus.pop(), allow_graceful=False)


def kill_one() -> None:
    while not (found := at_work()):
        pass
    os.kill(found[0].pid, signal.SIGKILL)


def tables(store: Store) -> list[pd.DataFrame]:
    """Every row of score and of outcome, without what names the run."""
    scores = store.scores(current=False).sort_values(["system_id", "task"])
    outcomes = [store.outcomes(results=[result]).drop(columns="result") for result in scores["result"]]
    kept = ["system_id", "variant", "seed", "task", "split", "subset", "revision", "metric", "score", "n_examples"]
    return [scores[kept].reset_index(drop=True), *outcomes]


def test_with_a_killed_worker_and_a_lost_node_every_number_is_that_of_one_process(
    cluster: Any, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = request(tiny_base, "ninth", "tenth", seeds=(0, 1))
    far, ear = Store(tmp_path / "far.duckdb"), Ear()
    assert execute(plan(wanted, far), far, ear, command="test", engine=Disturbed(cluster)) == ()
    assert "(raylet)" not in capfd.readouterr().out
    assert any("is lost; tried again" in note for note in ear.notes)
    # Two seeds of two stages: each begins once, and once more for each time that its process is lost.
    begun = Counter(note.split(":")[0].replace("training ", "") for note in ear.notes if " · training " in note)
    lost = Counter(note.split(":")[0] for note in ear.notes if "is lost; tried again" in note)
    assert len(begun) == 4
    assert begun == {what: 1 + lost[what] for what in begun}
    assert not list(cache_folder().glob("engine-*"))
    assert plan(wanted, far).idle
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    near = Store(tmp_path / "near.duckdb")
    go(wanted, near)
    for here, there in zip(tables(near), tables(far), strict=True):
        pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert all(check.ok for check in far.verify())


def test_what_a_cluster_cannot_do_is_told_in_a_sentence(
    cluster: Any, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "results.duckdb")
    wanted = plan(request(tiny_base, "bidir"), store)

    def refused(plan: RunPlan, cell: str = CELL) -> str:
        with pytest.raises(HarnessError) as error:
            execute(plan, store, None, command="test", engine=RayEngine(address=cluster.address, cell=cell))
        return str(error.value)

    assert "a cell works on one GPU" in refused(wanted, "gpus=2")
    assert "a cell needs 9 CPUs, and no node has more than 1" in refused(wanted, "cpus=9")
    monkeypatch.setattr("harness.engines.cluster.facts", lambda: {"torch": "1.0"})
    assert "no node of the cluster can be used" in (said := refused(wanted))
    assert "other versions than the command (torch" in said
    assert not at_work()
    assert store.scores().empty
