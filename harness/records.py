"""What the store keeps besides outcomes: systems, the stages that made them, runs, and overlaps with tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from harness.errors import HarnessError

KINDS = ("variant", "baseline", "reference")
Kind = Literal["variant", "baseline", "reference"]


@dataclass(frozen=True, kw_only=True)
class System:
    """Base × variant × training seed: the thing that gets a row, addressed by what made it.

    `seed` is None where nothing random went into the variant. `base` is empty where there is none: a reference is a
    model that is measured as it is, `variant` its name and `base_revision` the SHA-256 of its files. `recipe` is the
    card's front matter, `lineage` the stages with the ids of what each made, `data` the fingerprints of what it was
    trained on. `folder`, where the weights lie, is no part of the identity.
    """

    base: str
    base_revision: str
    variant: str
    seed: int | None = None
    kind: Kind = "variant"
    card_hash: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise HarnessError(f"a system is a variant, a baseline or a reference, not {self.kind!r}")
        if not self.variant:
            raise HarnessError("a system needs the name of its variant")

    @property
    def system_id(self) -> str:
        """16 hex digits of the SHA-256 of everything that made the system, the same on every machine."""
        parts = [self.base, self.base_revision, self.variant, self.seed, self.kind, self.card_hash]
        text = to_json([*parts, self.lineage, self.data])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def stage_digests(self) -> tuple[str, ...]:
        """The addresses of the stages that made it."""
        return tuple(digest for digest in self.lineage.values() if isinstance(digest, str))


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One trained (or merged) step of a lineage: `digest` is its address, `manifest` its stage.json with the loss
    curve, the data and the hash of the weights.
    """

    digest: str
    kind: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What one stage's training data shares with one evaluation task.

    Measured: `n_shared` of the task's `n_texts` distinct evaluated texts stand in the stage's training texts (0 is a
    finding; where nothing was counted there is no record). Declared: known of the data `source`, with the reason in
    `note`, both counts None.
    """

    stage: str
    source: str
    task: str
    revision: str
    how: Literal["measured", "declared"]
    n_texts: int | None = None
    n_shared: int | None = None
    note: str = ""

    @property
    def share(self) -> float | None:
        """`n_shared` of `n_texts`; None if not measured."""
        return self.n_shared / self.n_texts if self.n_texts and self.n_shared is not None else None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One system on one suite, once.

    `evaluation` names the version of the evaluation protocol: scores of two versions are not compared.
    `provenance` holds the rest: library versions, commit, command. `mask_proof` is the evidence that
    attention is what the card says; a variant's run without one (None, or `{"passed": false}`) is not ranked.
    """

    system_id: str
    suite: str
    dtype: str
    device: str
    evaluation: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    mask_proof: Mapping[str, Any] | None = None
    run_id: str = field(default_factory=lambda: uuid4().hex[:16])
    started_at: datetime = field(default_factory=lambda: now())
    finished_at: datetime | None = None

    @property
    def proven(self) -> bool:
        """Whether the run holds a mask proof that did not fail."""
        return bool(self.mask_proof) and self.mask_proof.get("passed", True) is True  # type: ignore[union-attr]


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


def to_json(value: object) -> str:
    """Return canonical JSON (sorted keys, no NaN); raise HarnessError if `value` cannot be written so."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise HarnessError(f"a record holds something that JSON cannot: {error}") from None
