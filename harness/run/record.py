"""Evidence and measurements ─▶ the store. To record the same measurement in the same run again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.contrasts import declared_contrasts
from harness.contamination.overlaps import overlaps_of
from harness.records import Run
from harness.run.measure import Measured
from harness.run.open import Evidence
from harness.run.plan import EVALUATION_VERSION

if TYPE_CHECKING:
    from harness.store import Store
    from harness.suites.task import TaskInfo


def record_run(store: Store, evidence: Evidence, *, suite: str, command: str) -> Run:
    """Store the system of `evidence`, its stages, and a new run of it; return the run, which is not finished."""
    run = Run(
        system_id=evidence.system.system_id,
        suite=suite,
        dtype=evidence.place.dtype,
        device=evidence.place.device,
        evaluation=EVALUATION_VERSION,
        provenance=evidence.provenance.model_copy(
            update={"command": command, "contrasts": declared_contrasts().sha256}
        ),
        mask_proof=evidence.proof.to_dict() if evidence.proof else None,
    )
    with store.together():
        store.add_stages([stage for stage, _ in evidence.stages])
        store.add_system(evidence.system)
        store.add_run(run)
    return run


def record_task(
    store: Store, run: Run, evidence: Evidence, info: TaskInfo, measured: Measured, *, again: bool = True
) -> None:
    """Store what the task of `info` gave in `run`, with its overlaps. A result that `run` holds already stays.

    With `again` False, so does one that another run of the system has stored under the same conditions meanwhile.
    """
    seen = [result.texts for result in measured.results]
    overlaps = [
        overlap
        for stage, texts in evidence.stages
        for overlap in overlaps_of(stage, texts, task=info.name, revision=info.revision, texts=seen)
    ]
    store.add_declared(info.name, info.revision, margin=info.margin, chance=info.chance)
    store.add_task(run.run_id, info.name, measured.results, cost=measured.cost, overlaps=overlaps, again=again)
