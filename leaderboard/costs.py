"""What it took to measure a variant, on the page of the variant: by task and kind of device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import pandas as pd

from harness.records import Cost, Run, System
from harness.store import Store


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """A task on a kind of `device`: means over `runs` runs. What a device does not tell is None."""

    task: str
    device: str
    runs: int
    cost: Cost


def read_costs(store: Store, scores: pd.DataFrame) -> dict[str, list[tuple[str, str, Cost]]]:
    """For each system id: task, kind of device and cost of the runs whose results are in `scores`."""
    costs = store.costs()
    runs = {run.run_id: run for run in store.runs()} if costs else {}
    found: dict[str, list[tuple[str, str, Cost]]] = {}
    for system, run, task in scores[["system_id", "run_id", "task"]].drop_duplicates().values.tolist():
        if (cost := costs.get((run, task))) is not None:
            found.setdefault(system, []).append((task, device_of(runs[run]), cost))
    return found


def device_of(run: Run) -> str:
    """The kind of device that a run was on, as far as it is known: costs on two kinds are not compared."""
    kept = run.provenance
    threads = f", {kept.threads} threads" if run.device == "cpu" and kept.threads else ""
    return f"{run.device}{f' ({kept.device_name}{threads})' if kept.device_name else ''}, {run.dtype}"


def cost_lines(found: Mapping[str, Sequence[tuple[str, str, Cost]]], systems: Sequence[System]) -> list[CostLine]:
    """The lines of one variant, in the order in which its tasks were measured; seeds are averaged on one device."""
    grouped: dict[tuple[str, str], list[Cost]] = {}
    for system in systems:
        for task, device, cost in found.get(system.system_id, ()):
            grouped.setdefault((task, device), []).append(cost)
    return [
        CostLine(task=task, device=device, runs=len(costs), cost=_mean(costs))
        for (task, device), costs in grouped.items()
    ]


def _mean(costs: Sequence[Cost]) -> Cost:
    """The mean of what every one of them tells."""

    def over(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return mean(known) if len(known) == len(values) else None

    tokens, peak = over([each.tokens for each in costs]), [each.peak_bytes for each in costs if each.peak_bytes]
    return Cost(
        seconds=mean(each.seconds for each in costs),
        tokens=None if tokens is None else round(tokens),
        tokens_per_s=over([each.tokens_per_s for each in costs]),
        peak_bytes=max(peak) if len(peak) == len(costs) else None,
        energy_j=over([each.energy_j for each in costs]),
    )
