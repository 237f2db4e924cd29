"""The ladder of the embedded base on four Ray nodes of this machine, while things are killed at random moments.

python benchmarks/kills.py                            # twenty kills; all tasks of the mini suite, two seeds
python benchmarks/kills.py --kills 3 --seeds 1 --steps 40 --tasks MiniWiCRight,MiniTopicClustering --within 5

Stages are trained and tasks are measured as in any study; only the trainings are shorter. A process at work, a node or
the command is killed. No claim of speed: the table says what each kill cost. The script ends with status 1 if anything
is lost, stored twice, or other than what a run in one process gives.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.compare.contrasts import declared_contrasts
from harness.encoder.placement import Placement
from harness.engines.cluster import RayEngine
from harness.engines.member import at_work
from harness.paths import cache_folder
from harness.run.engine import Engine
from harness.run.loop import execute
from harness.run.plan import RunRequest, plan_run
from harness.store import Store
from harness.store.merge import merge

ROOT = Path(__file__).parents[1]
CELL = "gpus=1,cpus=0,memory=0.1"
DATABASE = Path("results.duckdb")
PLACE = Placement(device="cpu", dtype="float32")
SHORT = {"bidir-mntp": ("mntp",), "bidir-simcse": ("mntp", "simcse"), "bidir-supcon": ("mntp", "supcon")}
WENT_ON = "went on after step"


def write_cards(folder: Path, steps: int) -> None:
    """Cards of the ladder's trained variants, with stages of so many steps."""
    folder.mkdir()
    rest = f"examples: {16 * steps}, steps: {steps}, batch_size: 16, max_length: 64, learning_rate: 2.0e-3"
    for name, kinds in SHORT.items():
        stages = "".join(f"  - {{kind: {kind}, {rest}}}\n" for kind in kinds)
        front = f"variant: {name}\ntitle: A short training\nattention: bidirectional\nstages:\n{stages}"
        (folder / f"{name}.md").write_text(f"---\n{front}---\n\nShort.\n")


class Telling:
    """A Listener that writes a line for each cell that begins or ends."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *what: None

    def begun(self, cell: Any) -> None:
        """A cell begins."""
        print(f"begun {cell.what}", flush=True)

    def ended(self, cell: Any) -> None:
        """A cell has ended, and what came of it is stored."""
        print(f"ended {cell.what}", flush=True)

    def note(self, message: str) -> None:
        """What the command would say."""
        print(message, file=sys.stderr, flush=True)
        what, lost, _ = message.partition(": its process on ")
        if lost:
            print(f"lost {what}", flush=True)


@dataclass(frozen=True)
class Study:
    """The ladder in so many seeds, on some tasks (empty: on all)."""

    seeds: int
    tasks: str

    @property
    def words(self) -> list[str]:
        """The options that say so."""
        return ["--seeds", str(self.seeds), "--tasks", self.tasks]

    def carry_out(self, database: Path, engine: Engine | None, listener: Any) -> None:
        """Measure what the database lacks."""
        store = Store(database)
        wanted = RunRequest(
            base="mini",
            variants=declared_contrasts().rungs,
            tasks=tuple(filter(None, self.tasks.split(","))),
            seeds=tuple(range(self.seeds)),
        )
        plan = plan_run(wanted, store, place=PLACE, cache=cache_folder())
        if failed := execute(plan, store, listener, command="kills", engine=engine):
            sys.exit("failed: " + "; ".join(f"{each.what}: {each.reason}" for each in failed))


@dataclass
class Kill:
    """One kill: what was at work, and how much of it was begun again."""

    what: str
    at: float
    stored: int
    at_work: frozenset[str]
    again: int = 0


@dataclass
class Command:
    """The command that carries out the study, and what it has told; begun anew when it was killed."""

    address: str
    folder: Path
    study: Study
    kills: list[Kill] = field(default_factory=list)
    at_work: set[str] = field(default_factory=set)
    lost: dict[str, Kill] = field(default_factory=dict)  # what was at work when the command was killed
    begun: Counter[str] = field(default_factory=Counter)
    process: subprocess.Popen[str] | None = None
    listening: threading.Thread | None = None

    @property
    def database(self) -> Path:
        """Where the results go."""
        return self.folder / DATABASE

    def start(self) -> None:
        """Begin, or begin again."""
        if self.listening is not None:  # to what the one before has said
            self.listening.join(10)
        self.at_work.clear()
        words = [str(Path(__file__).resolve()), "--drive", self.address, *self.study.words]
        with (self.folder / "stderr.txt").open("a") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", *words], cwd=self.folder, text=True, stderr=said,
                stdout=subprocess.PIPE,
            )  # fmt: skip
        self.listening = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self.listening.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            event, _, what = line.strip().partition(" ")
            if event == "begun":
                self.begun[what] += 1
                self.at_work.add(what)
                if what in self.lost:
                    self.lost.pop(what).again += 1
            elif event == "ended":
                self.at_work.discard(what)
            elif event == "lost":  # the command has noticed it, and begins the cell again
                self.begun[what] += 1
                for kill in [kill for kill in self.kills if kill.what != "command" and what in kill.at_work][-1:]:
                    kill.again += 1

    def kill(self, what: str, do: Callable[[], None], began: float) -> None:
        """Do it, and keep what was at work."""
        stored = len(Store(self.database).scores(current=False, diagnostics=True)) if self.database.exists() else 0
        cells = frozenset(self.at_work)
        self.kills.append(Kill(what, time.monotonic() - began, stored, cells))
        if what == "command":
            self.lost |= dict.fromkeys(cells, self.kills[-1])
        do()

    @property
    def over(self) -> bool:
        """Whether the study has come to its end."""
        return self.process is not None and self.process.poll() is not None


def disturb(
    cluster: Any, nodes: list[Any], folder: Path, study: Study, *, kills: int, seed: int, within: float
) -> Command:
    """Carry out the study with so many kills, each of the three kinds once in any three.

    A kill comes at most `within` seconds after a cell is at work.
    """
    chance = random.Random(seed)
    command = Command(cluster.address, folder, study)
    command.start()
    began = time.monotonic()

    def kill_process() -> None:
        while not (there := at_work()) and not command.over:  # between two cells
            time.sleep(0.05)
        if there:
            os.kill(chance.choice(there).pid, signal.SIGKILL)

    def kill_node() -> None:
        cluster.remove_node(nodes.pop(chance.randrange(len(nodes))), allow_graceful=False)
        nodes.append(new_node(cluster))

    def kill_command() -> None:
        assert command.process is not None
        command.process.kill()
        command.process.wait()
        command.start()

    kinds: list[tuple[str, Callable[[], None]]] = []
    while len(command.kills) < kills:
        while not at_work() and not command.over:
            time.sleep(0.3)
        time.sleep(chance.uniform(0, within))
        if command.over:
            break
        if not at_work():
            continue
        if not kinds:
            kinds = [("process", kill_process), ("node", kill_node), ("command", kill_command)]
            chance.shuffle(kinds)
        command.kill(*kinds.pop(), began)
        print(f"kill {len(command.kills)}: {command.kills[-1].what}", file=sys.stderr, flush=True)
    assert command.process is not None
    assert command.process.wait() == 0, (folder / "stderr.txt").read_text()[-3000:]
    return command


def verdict(command: Command, folder: Path) -> list[str]:
    """What is wrong with the results, compared with those of a run in one process."""
    far, near = Store(command.database), folder / "near.duckdb"
    rows = far.scores(current=False, diagnostics=True)
    wrong = []
    if len(rows) != len(far.scores(diagnostics=True)):
        wrong.append("a result is stored twice")
    wrong += [str(check.problem) for check in far.verify() if not check.ok]
    os.environ["HARNESS_CACHE"] = str(folder / "another")
    command.study.carry_out(near, None, None)
    copy = folder / "copy.duckdb"
    far.copy_to(copy)
    [merged] = merge([near], copy)  # refuses outcomes and weights that differ
    if merged.added or merged.there != len(rows):
        wrong.append(f"{merged.added} results are lost")
    return wrong


def new_node(cluster: Any) -> Any:
    """Start a node; on a busy machine Ray may give up before it has begun."""
    for _ in range(9):
        try:
            return cluster.add_node(num_cpus=1, num_gpus=1)
        except Exception as error:  # noqa: BLE001  Ray raises no kind of its own
            print(f"a node did not start: {error}", file=sys.stderr, flush=True)
    raise SystemExit("no node of Ray starts on this machine; try again when it is less busy")


@contextmanager
def own_cluster() -> Iterator[tuple[Any, list[Any]]]:
    """A head without GPUs, and three nodes with one each, which nothing checks."""
    from harness.engines.connect import import_ray

    ray = import_ray(alone=False)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0, "include_dashboard": False})
    nodes = [new_node(made) for _ in range(3)]
    made.wait_for_nodes()
    try:
        yield made, nodes
    finally:
        ray.shutdown()
        made.shutdown()


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=0, help="of the moments and of what is killed")
    options.add_argument("--within", type=float, default=20, help="seconds: a kill comes so soon after a cell begins")
    options.add_argument("--steps", type=int, default=100, help="of each stage")
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--tasks", default="", metavar="NAMES", help="of the mini suite (default: all)")
    options.add_argument("--drive", metavar="ADDRESS", help=argparse.SUPPRESS)
    asked = options.parse_args()
    study = Study(asked.seeds, asked.tasks)
    if asked.drive:
        study.carry_out(DATABASE, RayEngine(address=asked.drive, cell=CELL), Telling())
        return
    # A busy machine does not keep cells from their work; the run in one process has one thread, as a cell has.
    os.environ |= {"RAY_worker_niceness": "0", "OMP_NUM_THREADS": "1"}
    from machine import described

    print(described("cpu"))
    folder = Path(tempfile.mkdtemp())
    write_cards(folder / "model_cards", asked.steps)
    os.chdir(folder)
    os.environ["HARNESS_CACHE"] = str(folder / "cache")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with own_cluster() as (cluster, nodes):
        command = disturb(cluster, nodes, folder, study, kills=asked.kills, seed=asked.seed, within=asked.within)
    wrong = verdict(command, folder)
    print("| kill | s | what | results stored | cells at work | begun again |")
    print("| ---: | ---: | --- | ---: | ---: | ---: |")
    for number, each in enumerate(command.kills, start=1):
        print(f"| {number} | {each.at:.0f} | {each.what} | {each.stored} | {len(each.at_work)} | {each.again} |")
    rows = Store(command.database).scores(current=False, diagnostics=True)
    again = sum(command.begun.values()) - len(command.begun)
    said = "; ".join(wrong) or "nothing lost, nothing twice, all as in one process"
    resumed = (folder / "stderr.txt").read_text().count(WENT_ON)
    print(f"\n{len(command.begun)} cells, begun again {again} times; {resumed} trainings went on from a checkpoint")
    print(f"{len(rows)} results; {said}")
    shutil.rmtree(folder)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
