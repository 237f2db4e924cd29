"""A study on a Ray cluster of several nodes on this machine, with workers and nodes that die: what comes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.compare.contrasts import declared_contrasts
from harness.engines.cluster import RayEngine
from harness.engines.member import at_work
from harness.errors import HarnessError
from harness.run.loop import execute
from harness.run.plan import RunPlan
from harness.store import Store
from tests.conftest import library
from tests.engines.kit import CELL, ROOT, fake_gpus
from tests.run.conftest import _small_tasks  # noqa: F401  two small tasks, cards that train in seconds
from tests.run.kit import plan, request

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
TASKS = ("MiniTopicClustering", "MiniWiCRight")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import pytest_socket

    pytest_socket.enable_socket()  # a fixture of a module comes before the marker
    with fake_gpus(3) as made:
        yield made


def test_kills_of_processes_nodes_and_the_command_lose_nothing_and_store_nothing_twice() -> None:
    """The script behind the table of docs/cluster.md, with one kill of each kind; it compares with one process.

    tests/whole/test_ladder.py has the whole ladder on a cluster that loses a process and a node.
    """
    library("ray")
    small = ("--kills", "3", "--within", "5", "--seeds", "1", "--steps", "40", "--tasks", ",".join(TASKS))
    script = ROOT / "benchmarks" / "kills.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), *small], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    table = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    assert sorted(row[3].strip() for row in table) == ["command", "node", "process"]
    results = (len(declared_contrasts().rungs) + 1) * len(TASKS)  # and the floor
    assert f"{results} results; nothing lost, nothing twice, all as in one process" in done.stdout


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
