"""What a cell needs of a machine: GPUs, CPU cores and memory, from the size of the base unless the user says more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.encoder.placement import SMALL_MODEL
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.run.plan import RunPlan

_GB = 1e9
_CORES = 4.0  # at most, of a cell that the user has said nothing of
_FIELDS = ("gpus", "cpus", "memory")


@dataclass(frozen=True, kw_only=True)
class CellNeeds:
    """GPUs (one or none, or a fraction: it shares one), CPU cores, and gigabytes of memory."""

    gpus: float
    cpus: float
    memory: float

    @classmethod
    def of(cls, plan: RunPlan, said: str | None, nodes: list[Mapping[str, float]]) -> CellNeeds:
        """What a cell of `plan` needs on machines with the resources `nodes`; what the user `said` comes first.

        Raises HarnessError if no machine has as much.
        """
        given = _parsed(said)
        stored = sum(path.stat().st_size for path in plan.base.folder.glob("*.safetensors")) if plan.base else _GB
        gpus = given.get("gpus", 1.0 if plan.place.device == "cuda" else 0.0)
        cpus = 1.0
        if stored / 2 >= SMALL_MODEL:  # at two bytes a parameter
            shares = [_share(node, gpus) for node in nodes]
            cpus = max(1.0, min(_CORES, *shares)) if shares else 1.0
        needs = cls(gpus=gpus, cpus=given.get("cpus", cpus), memory=given.get("memory", round(1 + 4 * stored / _GB, 1)))
        if nodes and not any(needs.fit(node) for node in nodes):
            asked = {"GPU": (needs.gpus, "GPUs"), "CPU": (needs.cpus, "CPUs"), "memory": (needs.memory * _GB, "memory")}
            for name, (wanted, what) in asked.items():
                most = max(node.get(name, 0.0) for node in nodes)
                if wanted > most:
                    unit = _GB if name == "memory" else 1
                    raise HarnessError(
                        f"a cell needs {wanted / unit:g} {'GB of ' * (name == 'memory')}{what}, and no node has more "
                        f"than {most / unit:g}; ask for less with --cell {what.lower()}=…, or start Ray with more"
                    )
            raise HarnessError(
                f"no node has {needs.gpus:g} GPUs, {needs.cpus:g} CPUs and {needs.memory:g} GB of memory together, "
                "which a cell needs; ask for less with --cell gpus=…,cpus=…,memory=…"
            )
        return needs

    def fit(self, node: Mapping[str, float]) -> int:
        """How many cells a machine with the resources `node` takes at once."""
        wanted = {"GPU": self.gpus, "CPU": self.cpus, "memory": self.memory * _GB}
        return min(math.floor(node.get(name, 0.0) / much + 1e-9) for name, much in wanted.items() if much)


def _share(node: Mapping[str, float], gpus: float) -> float:
    """The CPU cores of a machine for each of its GPUs; all of them where cells use none."""
    cells = node.get("GPU", 0.0) / gpus if gpus else 1.0
    return node.get("CPU", 0.0) // cells if cells else _CORES


def _parsed(said: str | None) -> dict[str, float]:
    """`gpus=0.5,cpus=4` ─▶ {"gpus": 0.5, "cpus": 4.0}."""
    found: dict[str, float] = {}
    for each in said.split(",") if said else []:
        name, _, value = each.strip().partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if name == "gpus" and 1 < number < math.inf:
            raise HarnessError(
                f"--cell {said}: a cell works on one GPU, and more would stand idle; give gpus=1 or a part of one. To "
                "train one stage on several GPUs, use `accelerate launch -m harness train` before"
            )
        if name not in _FIELDS or not 0 <= number < math.inf:
            raise HarnessError(
                f"--cell {said}: give what a cell needs as gpus=1,cpus=4,memory=16 (memory in GB; part of a GPU is "
                "gpus=0.5)"
            )
        found[name] = number
    if found.get("cpus") == 0 and not found.get("gpus"):
        raise HarnessError(f"--cell {said}: a cell needs a CPU or a GPU")
    return found
