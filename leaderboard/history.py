"""For each run: what differs from the previous run of the same variant and seed, and how much each score changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.compare.entries import names_of
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.records import Run, System
from leaderboard.text import change, flatten, score

_RECORDED = ("harness", "commit", "platform", "python", "device_name", "threads", "contrasts")


@dataclass(frozen=True, kw_only=True)
class ScoreChange:
    """One score that was measured again."""

    task: TaskPart
    metric: str
    before: float
    after: float

    @property
    def text(self) -> str:
        """The change, in the metric's unit."""
        return change(self.after - self.before, self.metric)


@dataclass(frozen=True, kw_only=True)
class HistoricRun:
    """One run of one system; `changes` names what differs from the previous run of the same variant and seed."""

    date: str
    variant: str
    system: System
    run: Run
    scores: tuple[tuple[str, str], ...]  # task and score, as written
    changes: tuple[str, ...]
    moved: tuple[ScoreChange, ...]
    first: bool


def make_history(
    everything: pd.DataFrame, systems: Sequence[System], runs: Mapping[str, Run]
) -> dict[str, list[HistoricRun]]:
    """Arrange all results, superseded ones too, by base and time; each system is followed by its seed."""
    results = dict(list(everything.groupby("run_id")))
    named = names_of([system for system in systems if system.system_id in set(everything["system_id"])])
    by_id = {system.system_id: system for system in systems}
    groups: dict[str, list[HistoricRun]] = {}
    last: dict[tuple[str, str, int | None], tuple[System, Run]] = {}
    scores: dict[tuple[str, str, int | None], dict[TaskPart, tuple[str, float]]] = {}
    order = everything.groupby("run_id")["result"].min().sort_values()
    for run_id in order.index:
        rows, run = results[run_id], runs[str(run_id)]
        system = by_id[run.system_id]
        key = (*named[system.system_id], system.seed)
        known = scores.setdefault(key, {})
        moved = []
        for row in rows.to_dict("records"):
            task = TaskPart.of(row)
            value, metric = float(row["score"]), str(row["metric"])
            before = known.get(task)
            if before is not None and before[0] == metric:
                moved.append(ScoreChange(task=task, metric=metric, before=before[1], after=value))
            known[task] = (metric, value)
        earlier = last.get(key)
        groups.setdefault(key[0], []).append(
            HistoricRun(
                date=f"{run.started_at:%Y-%m-%d %H:%M} UTC",
                variant=named[system.system_id][1],
                system=system,
                run=run,
                scores=tuple(
                    (str(row["task"]), score(float(row["score"]), str(row["metric"])))
                    for row in rows.sort_values(["task", "split", "subset"]).to_dict("records")
                ),
                changes=_changes(earlier, (system, run)) if earlier else (),
                moved=tuple(sorted(moved, key=_size)),
                first=earlier is None,
            )
        )
        last[key] = (system, run)
    return dict(sorted(groups.items()))


def _size(moved: ScoreChange) -> float:
    return -abs(moved.after - moved.before) * get_metric(moved.metric).scale


def _changes(before: tuple[System, Run], after: tuple[System, Run]) -> tuple[str, ...]:
    old, new = _facts(*before), _facts(*after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return tuple(f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}" for name in names)


def _facts(system: System, run: Run) -> dict[str, str]:
    said: dict[str, Any] = {
        "base revision": system.base_revision[:12],
        "card": system.card_hash[:12],
        "stages": [digest[:12] for digest in system.stage_digests],
        "data": {name: str(value)[:12] for name, value in system.data.items()},
        "evaluation": run.evaluation,
        "dtype": run.dtype,
        "device": run.device,
        **{name: str(made)[:40] for name in _RECORDED if (made := getattr(run.provenance, name)) is not None},
        **run.provenance.versions,
    }
    return {name: value for name, value in flatten(said) if value != "–"}
