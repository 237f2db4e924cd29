"""From a store to references: the golden results of some variants, or all that a study found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey, TaskPart
from harness.records import Provenance, System
from harness.reference.answers import pack, unpack
from harness.reference.files import Reference, ReferenceResult
from harness.stage_record import StageManifest
from harness.store import Store

# What of a run's provenance is true of any machine.
_PORTABLE = ("version", "harness", "commit", "python", "platform", "versions", "dtype", "device", "threads")
# What readers of a study want to know besides.
_TOLD = ("opening", "encoding", "first_token", "weights_sha256", "contrasts")


@dataclass(frozen=True, kw_only=True)
class Study:
    """Systems with all their current results, the questions that they answered by hash, and what was left out."""

    references: tuple[Reference, ...]
    questions: Mapping[str, pd.DataFrame]
    left_out: Mapping[str, int]  # why -> how many results


def take_study(store: Store, systems: Mapping[str, System], scores: pd.DataFrame) -> Study:
    """Return the results `scores` of `systems` (by id) as references, with stages, overlaps and runs.

    Raises HarnessError if none of the results can be written, or a score would not be read back.
    """
    runs = {run.run_id: run for run in store.runs()}
    made, questions, left_out = [], dict[str, pd.DataFrame](), dict[str, int]()
    for system_id, system in systems.items():
        rows = scores[scores["system_id"] == system_id].sort_values("result")
        of = sorted(set(rows["run_id"]), key=lambda run_id: (runs[run_id].started_at, run_id))
        results = []
        for row in rows.to_dict("records"):
            outcomes = store.outcomes(results=[row["result"]]).drop(columns="result")
            try:
                result = _result(row, outcomes)
            except HarnessError as error:
                left_out[str(error)] = left_out.get(str(error), 0) + 1
                continue
            questions.setdefault(result.answers.asked, outcomes)
            results.append(replace(result, run=of.index(row["run_id"])))
        if results:
            made.append(
                Reference(
                    system=system,
                    runs=tuple(
                        replace(run, provenance=_portable(run.provenance, (*_PORTABLE, *_TOLD)))
                        for run in map(runs.__getitem__, of)
                    ),
                    results=tuple(results),
                    stages=tuple(_without_machine(each) for each in store.stages(system.stage_digests).values()),
                    overlaps=tuple(store.overlaps(system_id=system_id)),
                )
            )
    if not made:
        raise HarnessError(f"{store.path} has no result that can be written as text: {', '.join(left_out)}")
    return Study(references=tuple(made), questions=questions, left_out=left_out)


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
        found = rows.to_dict("records")
        revision = {row["task"]: row["revision"] for row in found}  # the newest
        newest = {TaskPart.of(row): row for row in found if row["revision"] == revision[row["task"]]}
        by_task = {
            name: [
                _result(row, store.outcomes(results=[row["result"]]).drop(columns="result"))
                for part, row in newest.items()
                if part.task == name
            ]
            for name in tasks
        }
        golden = replace(run, provenance=_portable(run.provenance, _PORTABLE, command="harness regress --update"))
        made.append(
            Reference(system=system, runs=(golden,), results=tuple(each for name in tasks for each in by_task[name]))
        )
    return made


def _newest_recipe(systems: list[System], rows: Any) -> System:
    newest = rows.groupby("system_id")["result"].max()
    measured = [system for system in systems if system.system_id in newest.index]
    latest = max(measured, key=lambda s: newest[s.system_id])
    same = [s for s in measured if (s.base_revision, s.card_hash) == (latest.base_revision, latest.card_hash)]
    seed = min((-1 if s.seed is None else s.seed) for s in same)
    return max((s for s in same if (-1 if s.seed is None else s.seed) == seed), key=lambda s: int(newest[s.system_id]))


def _result(row: Mapping[Any, Any], outcomes: pd.DataFrame) -> ReferenceResult:
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


def _portable(made_by: Provenance, keep: Collection[str], **more: str) -> Provenance:
    return Provenance(**{name: value for name, value in made_by.plain().items() if name in keep}, **more)


def _without_machine(stage: StageManifest) -> StageManifest:
    told = None if stage.provenance is None else _portable(stage.provenance, _PORTABLE)
    return stage.model_copy(update={"provenance": told})
