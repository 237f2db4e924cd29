"""A record as the values of a row (`from_…`), and back (`to_…`): both in the order of the columns named below."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.outcomes import NoiseFloor, TaskKey
from harness.records import Cost, Overlap, Provenance, Record, Run, StoredRecipe, System, to_json
from harness.stage_record import StageManifest

Row = Sequence[Any]
Kept = TypeVar("Kept", bound=Record)

SYSTEM = "system_id, base, base_revision, variant, seed, kind, card_hash, recipe, lineage, data, folder"
STAGE = "digest, kind, manifest"
OVERLAP = "stage, source, task, revision, how, n_texts, n_shared, note"
RUN = "run_id, system_id, suite, dtype, device, evaluation, provenance, mask_proof, started_at, finished_at"
COST = "run_id, task, seconds, tokens, tokens_per_s, peak_bytes, energy_j"
KEY = "task, split, subset, revision, metric"
NOISE = f"system_id, base_revision, {KEY}, dtype, device, scores"


def from_system(system: System) -> list[object]:
    return [
        *(system.system_id, system.base, system.base_revision, system.variant, system.seed, system.kind),
        *(system.card_hash, to_json(system.recipe), to_json(system.lineage), to_json(system.data)),
        system.folder,
    ]


def to_system(row: Row) -> System:
    """The system of a row of SYSTEM; its id is made anew."""
    _, base, revision, variant, seed, kind, card_hash, recipe, lineage, data, folder = row
    return System(
        base=base, base_revision=revision, variant=variant, seed=seed, kind=kind, card_hash=card_hash,
        recipe=_parsed(StoredRecipe, recipe), lineage=_object(lineage), data=_object(data), folder=folder,
    )  # fmt: skip


def from_stage(stage: StageManifest) -> list[object]:
    return [stage.digest, stage.kind, to_json(stage)]


def to_stage(row: Row) -> StageManifest:
    return _parsed(StageManifest, row[2])


def from_overlap(overlap: Overlap) -> list[object]:
    return [getattr(overlap, name) for name in OVERLAP.split(", ")]


def to_overlap(row: Row) -> Overlap:
    return Overlap(**dict(zip(OVERLAP.split(", "), row, strict=True)))


def from_run(run: Run) -> list[object]:
    return [
        *(run.run_id, run.system_id, run.suite, run.dtype, run.device, run.evaluation, to_json(run.provenance)),
        None if run.mask_proof is None else to_json(run.mask_proof),
        naive(run.started_at),
        None if run.finished_at is None else naive(run.finished_at),
    ]


def to_provenance(text: str) -> Provenance:
    return _parsed(Provenance, text)


def to_run(row: Row) -> Run:
    run_id, system_id, suite, dtype, device, evaluation, provenance, proof, started, finished = row
    return Run(
        run_id=run_id, system_id=system_id, suite=suite, dtype=dtype, device=device, evaluation=evaluation,
        provenance=to_provenance(provenance), mask_proof=None if proof is None else _object(proof),
        started_at=aware(started), finished_at=finished and aware(finished),
    )  # fmt: skip


def from_cost(run_id: str, task: str, cost: Cost) -> list[object]:
    return [run_id, task, *astuple(cost)]


def to_cost(row: Row) -> tuple[str, str, Cost]:
    run_id, task, *values = row
    return run_id, task, Cost(**dict(zip(COST.split(", ")[2:], values, strict=True)))


def to_key(row: Row) -> TaskKey:
    return TaskKey(**dict(zip(KEY.split(", "), row, strict=True)))


def to_noise_floor(row: Row) -> NoiseFloor:
    system_id, base_revision, *key, dtype, device, scores = row
    return NoiseFloor(
        system_id=system_id, base_revision=base_revision, key=to_key(key), dtype=dtype, device=device,
        scores=_object(scores),
    )  # fmt: skip


def naive(moment: datetime) -> datetime:
    """A moment as a column holds it: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    """A moment as a column held it, saying that it is in UTC."""
    return moment.replace(tzinfo=UTC)


def _object(text: str) -> dict[str, Any]:
    """A JSON object as a column holds it; HarnessError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise HarnessError(f"the database holds {text[:40]!r} where an object belongs; name another with --db")
    return found


def _parsed(kind: type[Kept], text: str) -> Kept:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        [first, *_] = error.errors()
        where = ".".join(str(part) for part in first["loc"])
        raise HarnessError(
            f"the database holds a {kind.__name__} that cannot be read ({where}: {first['msg']}); a newer harness may "
            "have written it: use that version"
        ) from None
