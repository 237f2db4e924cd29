"""The Ray engine: processes on the nodes of a cluster, each with what a cell needs, and the cells given to them.

Each process keeps the system of its last cell open, and gets more cells of it first. The engine counts the tries of
a cell itself, so that a cell of a lost process goes to another one.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections import Counter, deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.encoder.placement import DEVICES, Placement
from harness.engines.connect import connect, import_ray
from harness.engines.member import Member, NodeCheck, facts
from harness.engines.needs import CellNeeds
from harness.engines.wire import Reply, unpack
from harness.errors import HarnessError
from harness.models import Model
from harness.run.cells import Ended, RunCell
from harness.run.open import Listener
from harness.run.plan import RunPlan

RETRIES = 3  # of a cell whose process was lost
_LOOK_S = 2.0  # between two looks at the nodes of the cluster
_PATIENCE_S = 120.0  # without any process that works
# What a process needs to know of the command's environment. Tokens stay where they are: Ray shows the environment.
_HANDED = ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "XDG_CACHE_HOME")
_QUIET = {
    "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error", "TQDM_DISABLE": "1",
}  # fmt: skip


@dataclass(eq=False)
class _Process:
    """One `Member` on a node; `ref` is what it works on: its first answer, or a cell."""

    actor: Any
    node: str
    host: str
    ref: Any = None
    cell: RunCell | None = None
    ready: bool = False
    label: str = ""  # of the system that it has open

    @property
    def idle(self) -> bool:
        return self.ready and self.cell is None


class RayEngine:
    """Carries out cells on every node of a Ray cluster (`address`), or with None on all of this machine."""

    stages = True

    def __init__(self, *, address: str | None = None, cell: str | None = None, member: type[Member] = Member) -> None:
        self._address = address or os.environ.get("RAY_ADDRESS")
        self._ray = import_ray(alone=self._address is None)
        self._said, self._member, self._own = cell, member, False
        self._listener: Listener | None = None
        self._processes: list[_Process] = []
        self._again: deque[RunCell] = deque()
        self._ended: deque[Ended] = deque()
        self._tries: Counter[int] = Counter()
        self._smaller: set[int] = set()
        self._without: dict[int, set[str]] = {}  # nodes that lack the data of a cell
        self._refused: dict[str, str] = {}
        self._greeted: Counter[str] = Counter()
        self._looked = self._worked = 0.0
        self._mark: Path | None = None

    def place(self, device: str, dtype: str) -> Placement:
        """The place of every cell: with auto the GPUs, if a node of the cluster has any."""
        if self._address is None or device not in DEVICES or device == "cpu":
            return Placement.choose(device, dtype)
        if device == "cuda" or any(node["Resources"].get("GPU") for node in self._nodes()):
            return replace(Placement.choose("cpu", "bfloat16" if dtype == "auto" else dtype), device="cuda")
        return Placement.choose("cpu", dtype)

    def start(self, plan: RunPlan, listener: Listener | None) -> None:
        """Connect, and begin a process for each cell that a node takes at once."""
        self._listener = listener
        nodes = self._nodes()
        self._needs = CellNeeds.of(plan, self._said, [node["Resources"] for node in nodes])
        folders = {plan.base.folder} if plan.base else set()
        folders |= {job.system.folder for job in plan.jobs if isinstance(job.system, Model)}
        plan.cache.mkdir(parents=True, exist_ok=True)
        self._mark = plan.cache / f"engine-{secrets.token_hex(8)}"
        self._mark.touch()
        self._asked = NodeCheck(
            facts=facts(),
            here=Path.cwd(),
            folders=tuple(sorted(folders)),
            mark=self._mark.absolute(),
            cuda=plan.place.device == "cuda",
        )
        self._environment = _environment(plan.cache, self._needs.cpus)
        self._worked = time.monotonic()
        self._look()
        each = f"{self._needs.gpus:g} GPUs and {self._needs.cpus:g} CPUs each"
        self._note(f"Ray: {len(nodes)} nodes, {len(self._processes)} cells at once, {each}")

    def choose(self, ready: Collection[RunCell]) -> RunCell | None:
        """Stages first, for others wait for them; then a task of a system that is open; then a system of its own."""
        for cell in list(self._again):
            if self._idle(cell) is not None:  # the one before may have taken the last process
                self._again.remove(cell)
                self.submit(cell)
        idle = [process for process in self._processes if process.idle]
        if not idle:
            return None
        open_here = {process.label for process in idle}
        open_anywhere = {process.label for process in self._processes}
        best, best_rank = None, 4
        for cell in ready:
            if cell.stage is not None:
                return cell
            rank = 1 if cell.label in open_here else 2 if cell.label not in open_anywhere else 3
            if rank < best_rank:
                best, best_rank = cell, rank
        return best

    def submit(self, cell: RunCell) -> None:
        """Give `cell` to an idle process: one that has its system open, if there is one."""
        process = self._idle(cell)
        assert process is not None, "a cell that was chosen has a process"
        process.cell, process.label = cell, "" if cell.stage is not None else cell.label
        sent = replace(cell, place=replace(cell.place, all_cores=False))
        process.ref = process.actor.carry_out.remote(sent, smaller=cell.number in self._smaller)
        if cell.stage is not None:
            self._note(f"{cell.label} · {cell.stage.stage.doing} on {process.host}")

    def wait(self) -> Ended | None:
        """Return what came of a cell, or None as soon as another may begin."""
        while not self._ended:
            self._look()
            at_work = {process.ref: process for process in self._processes if process.ref is not None}
            if not at_work:
                self._give_up_without_nodes()
                time.sleep(_LOOK_S)
                continue
            done, _ = self._ray.wait(list(at_work), num_returns=1, timeout=_LOOK_S)
            for ref in done:
                if self._heard_of(at_work[ref]):
                    return self._ended.popleft() if self._ended else None
        return self._ended.popleft()

    def cancel(self) -> None:
        """End every process, and the cluster if this command has started it."""
        if self._mark is not None:
            self._mark.unlink(missing_ok=True)
        for process in self._processes:
            with suppress(self._ray.exceptions.RayError, RuntimeError):
                self._ray.kill(process.actor)
        self._processes = []
        if self._own:
            self._ray.shutdown()
            self._own = False

    def _nodes(self) -> list[dict[str, Any]]:
        """The nodes of the cluster that are alive, joined first."""
        if not self._ray.is_initialized():
            logging.getLogger("ray").setLevel(logging.CRITICAL)
            connect(self._ray, self._address)
            self._own = True
        return [node for node in self._ray.nodes() if node["Alive"]]

    def _look(self) -> None:
        """Begin processes where nodes have room for them, new ones too."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        nodes = self._nodes()
        alive = {node["NodeID"] for node in nodes}
        for process in [
            each for each in self._processes if each.ready and each.cell is None and each.node not in alive
        ]:
            self._end(process)
        there = Counter(process.node for process in self._processes)
        for node in nodes:
            name = node["NodeID"]
            for _ in range(0 if name in self._refused else self._needs.fit(node["Resources"]) - there[name]):
                self._begin(name, node["NodeManagerHostname"])

    def _begin(self, node: str, host: str) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = (
            self._ray.remote(self._member)
            .options(
                num_gpus=self._needs.gpus,
                num_cpus=self._needs.cpus,
                memory=int(self._needs.memory * 1e9),
                max_restarts=0,
                runtime_env={"env_vars": self._environment},
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote()
        )
        self._processes.append(_Process(actor=actor, node=node, host=host, ref=actor.problem.remote(self._asked)))

    def _heard_of(self, process: _Process) -> bool:
        """Take what a process says; True if the loop has something to do now."""
        cell, process.cell = process.cell, None
        try:
            said = self._ray.get(process.ref)
        except self._ray.exceptions.RayTaskError as error:  # a fault of the program, wherever it is carried out
            if cell is None and (name := _not_importable(error)):
                self._refuse(process, f"cannot import {name}; install the same environment on every node")
                return False
            raise error.as_instanceof_cause() from None
        except self._ray.exceptions.RayError as error:
            self._lost(process, cell, error)
            return bool(self._ended)
        process.ref, self._worked = None, time.monotonic()
        if cell is None:
            if said:
                self._refuse(process, said)
            process.ready = not said
            return process.ready
        try:
            self._take(process, cell, unpack(said, cell))
        except HarnessError as error:
            self._ended.append(Ended(cell=cell, error=error))
        return True

    def _take(self, process: _Process, cell: RunCell, reply: Reply) -> None:
        for each in reply.told:
            if each.proof is None:
                self._note(each.note)
            elif self._listener is not None:
                self._listener.proof(each.label, each.proof)
        if reply.reason == "memory":
            self._end(process)  # it keeps what it has
            if cell.number not in self._smaller:
                self._smaller.add(cell.number)
                self._note(
                    f"{cell.what}: did not fit the memory of the GPU on {process.host}; tried once more, smaller"
                )
                self._again.append(cell)
                return
        if reply.reason == "data":
            without = self._without.setdefault(cell.number, set())
            without.add(process.node)
            if any(other.node not in without for other in self._processes):
                self._note(f"{cell.what}: {process.host} lacks its data; tried on another node")
                self._again.append(cell)
                return
        self._ended.append(reply.ended)

    def _lost(self, process: _Process, cell: RunCell | None, error: Exception) -> None:
        """A process or its node is gone: its cell is tried again elsewhere, so many times."""
        for idle in [
            each for each in self._processes if each.node == process.node and each.ready and each.cell is None
        ]:
            self._end(idle)  # its node may be gone; if it is not, another begins
        self._end(process)
        self._looked = 0.0
        if cell is None:
            self._greeted[process.node] += 1
            if name := _not_importable(error):
                self._refuse(process, f"cannot import {name}; install the same environment on every node")
            elif self._greeted[process.node] > RETRIES:
                self._refuse(process, f"ends every process before its first cell ({_first(error)})")
            return
        self._tries[cell.number] += 1
        tries = self._tries[cell.number]
        if tries <= RETRIES:
            self._note(f"{cell.what}: its process on {process.host} is lost; tried again ({tries} of {RETRIES})")
            self._again.append(cell)
            return
        said = HarnessError(
            f"its process ended {tries} times without a result, last on {process.host} ({_first(error)}); if memory "
            "ran out, give each cell more with --cell memory=…"
        )
        broken = cell.stage.digest if cell.stage else ""
        self._ended.append(Ended(cell=cell, error=said, whole=cell.task is None, broken=broken))

    def _refuse(self, process: _Process, why: str) -> None:
        """Use the node of `process` no more."""
        self._refused[process.node] = f"node {process.host} {why}"
        self._note(f"node {process.host} is not used: it {why}")
        for other in [each for each in self._processes if each.node == process.node]:
            self._end(other)
        usable = {node["NodeID"] for node in self._nodes() if self._needs.fit(node["Resources"])}
        if usable and not self._processes and usable <= self._refused.keys():
            raise HarnessError(f"no node of the cluster can be used: {self._refused[process.node]}")

    def _end(self, process: _Process) -> None:
        process.ready = False
        if process in self._processes:
            self._processes.remove(process)
            self._ray.kill(process.actor)

    def _give_up_without_nodes(self) -> None:
        if time.monotonic() - self._worked > _PATIENCE_S:
            raise HarnessError(
                f"the cluster has had no node for cells for {_PATIENCE_S:.0f} s; what ended before is stored, and the "
                "same command goes on from there"
            )

    def _idle(self, cell: RunCell) -> _Process | None:
        """The idle process that suits `cell` best."""
        without = self._without.get(cell.number, set())
        idle = [each for each in self._processes if each.idle and each.node not in without]
        return min(idle, key=lambda each: (each.label != cell.label, each.label != ""), default=None)

    def _note(self, message: str) -> None:
        if self._listener is not None:
            self._listener.note(message)


def _environment(cache: Path, cpus: float) -> dict[str, str]:
    """What a process on a node has in its environment beside the node's own."""
    handed = {name: os.environ[name] for name in _HANDED if name in os.environ}
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if not threads or os.environ.get("HARNESS_THREADS") == "auto":
        threads = str(max(1, int(cpus)))  # else Ray sets one, or what it makes of a fraction
    return {**_QUIET, **handed, "OMP_NUM_THREADS": threads, "HARNESS_CACHE": str(cache)}


def _not_importable(error: Exception) -> str:
    """The package that a process could not import; empty if that was not it."""
    found = re.search(r"No module named '([\w.]+)'", str(error))
    return found.group(1) if found else ""


def _first(error: Exception) -> str:
    """The first sentence of what Ray says."""
    return " ".join(str(error).split())[:120].partition(" class_name")[0] or type(error).__name__
