"""What a model card says of a system, gathered from the store as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.compare import analyse
from harness.compare.entries import Entry
from harness.compare.results import TaskScore
from harness.contamination.declared import hub_id, source_name
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.records import Run, System
from harness.stage_record import StageManifest
from harness.store import Store

_NONE = "–"


@dataclass(frozen=True, kw_only=True)
class StageFacts:
    """One row of the lineage, data and training tables; text, ready to be escaped."""

    kind: str
    data: str
    hub_ids: tuple[str, ...]
    fingerprint: str
    examples: str
    size: str
    weights: str
    first: str
    middle: str
    last: str
    seconds: str

    @classmethod
    def of(cls, stage: StageManifest, system: System) -> StageFacts:
        name = next((name for name, digest in system.lineage.items() if digest == stage.digest), stage.kind)
        losses = [loss for _, loss in stage.losses]
        steps = stage.recipe.steps
        return cls(
            kind=name,
            data=", ".join(map(source_name, stage.sources)) or _NONE,
            hub_ids=tuple(hub for hub in map(hub_id, stage.sources) if hub),
            fingerprint=str(stage.data.fingerprint or system.data.get(name) or _NONE),
            examples=str(stage.data.examples or _NONE),
            size=f"{steps} × {stage.recipe.batch_size}" if steps else _NONE,
            weights=str(stage.weights_sha256 or _NONE),
            first=_loss(losses[:1]),
            middle=_loss(losses[len(losses) // 2 :][:1]),
            last=_loss(losses[-1:]),
            seconds=str(stage.seconds or _NONE),
        )


@dataclass(frozen=True, kw_only=True)
class ResultFacts:
    """One row of the results: `score` as stored, the rest as shown."""

    task: str
    task_type: str
    split: str
    subset: str
    revision: str
    metric: str
    score: float
    points: str
    interval: str
    n_examples: int


def lineage(store: Store, system: System) -> list[StageManifest]:
    """The stages of `system`, parents first. One whose manifest the store lacks keeps its kind and address."""
    known = store.stages(system.stage_digests)
    stages = [
        known.get(digest, StageManifest(digest=digest, kind=kind))
        for kind, digest in system.lineage.items()
        if isinstance(digest, str)
    ]
    return sorted(stages, key=lambda stage: _depth(stage, known))


def _depth(stage: StageManifest, known: Mapping[str, StageManifest]) -> int:
    depth, parent = 0, stage.parent
    while parent is not None and parent in known and depth < len(known):
        parent, depth = known[parent].parent, depth + 1
    return depth


def results(store: Store, system: System, scores: pd.DataFrame) -> list[ResultFacts]:
    """The system's current scores with their intervals over examples, by task type and task."""
    entry = Entry(base=system.base, variant=system.variant, systems=(system,))
    found = analyse(store, entries=[entry], pairs=[], scores=scores).scores
    rows = []
    for row in scores.sort_values(["task_type", "task", "split", "subset"]).to_dict("records"):
        estimate = found[entry.name, TaskPart.of(row)]
        rows.append(
            ResultFacts(
                **{name: str(row[name]) for name in ("task", "task_type", "split", "subset", "revision", "metric")},
                score=float(row["score"]),
                points=get_metric(row["metric"]).write(row["score"], more_digits=1),
                interval=_interval(estimate),
                n_examples=int(row["n_examples"]),
            )
        )
    return rows


def _interval(score: TaskScore) -> str:
    write = get_metric(score.key.metric).write
    if score.interval is not None:
        return f"{write(score.interval.low)} to {write(score.interval.high)}"
    if score.spread is not None:
        return f"{write(score.spread.low)} to {write(score.spread.high)} (range over draws)"
    return _NONE


def proof_sentence(runs: Sequence[Run]) -> str:
    """What the newest mask proof found."""
    proof: Mapping[str, Any] = runs[-1].mask_proof or {}
    checks = [check for check in proof.get("checks") or [] if isinstance(check, Mapping)]
    if not checks:
        return "Passed."
    kernels = ", ".join(sorted({str(check.get("kernel")) for check in checks}))
    leak = max(float(check.get("leak", 0.0)) for check in checks)
    reached = min(float(check.get("reached", 0.0)) for check in checks)
    moved = (
        "no state before a changed token moved, bit for bit"
        if proof.get("attention") == "causal"
        else f"a changed last token reached {reached:.0%} of the states before it, by up to {leak:.2g}"
    )
    return (
        f"Passed before the first measurement: {proof.get('attention')}, {len(checks)} checks (kernels: {kernels}; "
        f"alone and in batches; left, right and no padding): {moved}."
    )


def _loss(losses: Sequence[float]) -> str:
    return f"{losses[0]:.4g}" if losses else _NONE
