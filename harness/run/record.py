"""Evidence and measurements ─▶ the store. To record the same measurement in the same run again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.contrasts import declared_contrasts
from harness.contamination import overlaps_of
from harness.errors import HarnessError
from harness.metrics import get_metric, score_outcomes
from harness.outcomes import TaskKey, TaskResult, read_outcomes
from harness.records import MADE_ELSEWHERE, Provenance, Run, StoredRecipe, System
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.run.plan import EVALUATION_VERSION

if TYPE_CHECKING:
    import pandas as pd

    from harness.store import Store
    from harness.suites.task import TaskInfo


def record_run(store: Store, evidence: Evidence, *, suite: str, command: str) -> Run:
    """Store the system of `evidence`, its stages, and a new run of it; return the run, which is not finished."""
    store.add_stages([stage for stage, _ in evidence.stages])
    run = Run(
        system_id=store.add_system(evidence.system),
        suite=suite,
        dtype=evidence.place.dtype,
        device=evidence.place.device,
        evaluation=EVALUATION_VERSION,
        provenance=evidence.provenance.model_copy(
            update={"command": command, "contrasts": declared_contrasts().sha256}
        ),
        mask_proof=evidence.proof.to_dict() if evidence.proof else None,
    )
    store.add_run(run)
    return run


def record_task(store: Store, run: Run, evidence: Evidence, info: TaskInfo, measured: Measured) -> None:
    """Store what the task of `info` gave in `run`, with its overlaps. A result that `run` holds already stays."""
    seen = [result.texts for result in measured.results]
    # Before the results: a kill between the two must not leave a result whose overlap nobody counts any more.
    store.add_overlaps(
        [
            overlap
            for stage, texts in evidence.stages
            for overlap in overlaps_of(stage, texts, task=info.name, revision=info.revision, texts=seen)
        ]
    )
    rows = store.scores(run_id=run.run_id, diagnostics=True)
    stored = set(zip(rows["task"], rows["split"], rows["subset"], strict=True))
    for result in measured.results:
        if result.key.part not in stored:
            store.add_result(run.run_id, result)


def record_outcomes(
    store: Store,
    outcomes: pd.DataFrame,
    key: TaskKey,
    *,
    task_type: str,
    system: str,
    base: str,
    seed: int | None,
    version: str,
) -> TaskResult:
    """Store outcomes that were made elsewhere in a run of their own; see harness.add_outcomes.

    They have no mask proof. With a `base` they are of its revision that was stored last, so that they can be compared
    with what was measured on it.
    """
    rows = read_outcomes(outcomes)
    wanted = "score" if get_metric(key.metric).answers == "score" else "label"
    if rows[f"gold_{wanted}"].isna().any():
        raise HarnessError(f"{key.metric} needs the columns gold_{wanted} and predicted_{wanted}")
    score = score_outcomes(key.metric, rows)
    result = TaskResult(key=key, task_type=task_type, score=score, outcomes=rows, seconds=0.0)
    store.ready()
    before = [each for each in store.systems() if each.base == base]
    for each in before:
        if each.variant == system and not each.made_elsewhere:
            raise HarnessError(f"the store holds a measured system {system!r}; give yours another name")
    revisions = [each.base_revision for each in before if not each.made_elsewhere]
    made = System(
        base=base,
        base_revision=(revisions or ["not recorded"])[-1] if base else version,
        variant=system,
        seed=seed,
        kind="variant" if base else "reference",
        card_hash=version,
        recipe=StoredRecipe(version=1, title=MADE_ELSEWHERE),
    )
    run = Run(
        system_id=store.add_system(made),
        suite="own",
        dtype="not recorded",
        device="not recorded",
        evaluation=EVALUATION_VERSION,
        provenance=Provenance(version=1, command="harness.add_outcomes", contrasts=declared_contrasts().sha256),
    )
    store.add_run(run)
    store.add_result(run.run_id, result)
    store.finish_run(run.run_id)
    return result
