"""From a store to references: the current results of chosen systems."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey
from harness.records import Provenance, Run, System
from harness.reference.answers import pack, unpack
from harness.reference.files import Reference, ReferenceResult
from harness.store import Store

# What of a run's provenance is true of any machine.
_PORTABLE = ("version", "harness", "commit", "python", "platform", "versions", "dtype", "device", "threads")


def take_references(store: Store, *, base: str, variants: Collection[str], tasks: Collection[str]) -> list[Reference]:
    """Return the references of `variants` on `tasks`: the newest result of each, of the lowest seed.

    Raises HarnessError for a variant or a task that the store lacks, or a run without a mask proof.
    """
    scores = store.scores()
    runs = {run.run_id: run for run in store.runs()}
    made = []
    for variant in variants:
        mine = [s for s in store.systems() if (s.base, s.variant, s.kind) == (base, variant, "variant")]
        rows = scores[scores["system_id"].isin([s.system_id for s in mine]) & scores["task"].isin(set(tasks))]
        if rows.empty:
            raise HarnessError(f"{store.path} holds no results of {variant} on base {base}; measure it first")
        system = _newest_recipe(mine, rows)
        rows = rows[rows["system_id"] == system.system_id].sort_values("result")
        lacking = sorted(set(tasks) - set(rows["task"]))
        if lacking:
            raise HarnessError(f"{store.path} lacks {lacking[0]} of {variant}; measure the whole suite first")
        run = runs[rows["run_id"].iloc[-1]]
        if not run.proven:
            raise HarnessError(f"the run of {variant} has no mask proof; run it again")
        by_task = {row["task"]: _result(store, row) for row in rows.to_dict("records")}
        made.append(Reference(system=system, run=_portable(run), results=tuple(by_task[name] for name in tasks)))
    return made


def _newest_recipe(systems: list[System], rows: Any) -> System:
    newest = rows.groupby("system_id")["result"].max()
    measured = [system for system in systems if system.system_id in newest.index]
    latest = max(measured, key=lambda s: newest[s.system_id])
    same = [s for s in measured if (s.base_revision, s.card_hash) == (latest.base_revision, latest.card_hash)]
    seed = min((-1 if s.seed is None else s.seed) for s in same)
    return max((s for s in same if (-1 if s.seed is None else s.seed) == seed), key=lambda s: int(newest[s.system_id]))


def _result(store: Store, row: dict[Any, Any]) -> ReferenceResult:
    outcomes = store.outcomes(results=[row["result"]]).drop(columns="result")
    key = TaskKey(**{name: row[name] for name in ("task", "split", "subset", "revision", "metric")})
    answers = pack(outcomes, metric=key.metric)
    score = score_outcomes(key.metric, unpack(answers, outcomes, metric=key.metric))
    if not abs(score - row["score"]) <= TOLERANCE:
        raise HarnessError(
            f"{key.task}: its score {row['score']:.7g} would be read back as {score:.7g}; nothing was written"
        )
    return ReferenceResult(
        key=key, task_type=row["task_type"], score=score, seconds=round(float(row["seconds"]), 1), answers=answers
    )


def _portable(run: Run) -> Run:
    kept = {name: value for name, value in run.provenance.plain().items() if name in _PORTABLE}
    return replace(run, provenance=Provenance(**kept, command="harness regress --update"))
