"""A planned system ─▶ its encoder: what is missing is trained, the weights are opened, the mask is proven.

This is the one way to an encoder, of a run, of `harness train`, `harness noise`, the gate and the export.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, overload

from harness.bases import Base, check_base
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.models import Model
from harness.outcomes import TaskResult
from harness.recipes import Recipe
from harness.records import Provenance, System
from harness.run.systems import AnySystem, Floor, PlannedSystem, plan_system
from harness.stage_record import StageManifest
from harness.training.lineage import PlannedStage
from harness.training.lora import slots_alone
from harness.training.manifests import ADAPTER, read_stage, read_texts
from harness.training.processes import Processes
from harness.training.stages import open_latest, stage_folder, train_lineage

if TYPE_CHECKING:
    from harness.contamination.texts import Hashes
    from harness.encoder.mask_proof import MaskProof
    from harness.encoder.model import Encoder
    from harness.encoder.placement import Placement
    from harness.encoder.reader import EncodingProgress
    from harness.encoder.reference import ReferenceEncoder
    from harness.run.cells import RunCell
    from harness.run.plan import RunPlan
    from harness.store import Store
    from harness.training.watch import OnStep


class Listener(Protocol):
    """Hears how a run goes; the command line draws bars from it.

    `begun` and `ended` are about the cells of a run, wherever they are carried out; several may be at work at once.
    `stage`, `task` and `reading` tell more of one that is carried out in this process.
    """

    def begin(self, plan: RunPlan, store: Store) -> None: ...
    def begun(self, cell: RunCell) -> None: ...
    def ended(self, cell: RunCell) -> None: ...
    def note(self, message: str) -> None: ...
    def stage(self, label: str, planned: PlannedStage) -> OnStep: ...
    def proof(self, label: str, proof: MaskProof) -> None: ...
    def task(self, label: str, name: str, number: int, total: int) -> None: ...
    def reading(self, reading: EncodingProgress) -> None: ...
    def result(self, label: str, result: TaskResult) -> None: ...


Screen: TypeAlias = Callable[[int], AbstractContextManager[Listener]]  # how many results are to come


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the store keeps of a system, and of how and where it was opened. It can be pickled.

    `stages` are the manifests of the lineage, first to last, each with the hashes of its training texts.
    """

    system: System
    place: Placement
    provenance: Provenance
    proof: MaskProof | None = None
    stages: tuple[tuple[StageManifest, Hashes | None], ...] = ()


E_co = TypeVar("E_co", bound=TextEncoder, covariant=True)


@dataclass(frozen=True, kw_only=True)
class OpenSystem(Generic[E_co]):
    """An encoder that tasks can be measured with; that of a variant has passed its mask proof."""

    encoder: E_co
    evidence: Evidence


@overload
def open_system(
    system: PlannedSystem, *, place: Placement, cache: Path, listener: Listener | None = None
) -> OpenSystem[Encoder]: ...
@overload
def open_system(
    system: AnySystem, *, place: Placement, cache: Path, listener: Listener | None = None
) -> OpenSystem[TextEncoder]: ...
def open_system(
    system: AnySystem, *, place: Placement, cache: Path, listener: Listener | None = None
) -> OpenSystem[Any]:
    """Train the stages that `cache` lacks, open `system` at `place`, and prove its mask.

    `listener` hears of stages, of the proof, and later of what the encoder reads. Raises ProofError if the mask is not
    what the card says, and HarnessError if the system cannot be trained or opened.
    """
    from harness.provenance import collect

    record = system.record(cache)
    if not isinstance(system, PlannedSystem):
        encoder = system.make(system.base.folder) if isinstance(system, Floor) else _reference(system, place, listener)
        provenance = collect(device=place.device, dtype=place.dtype)
        if seen := getattr(encoder, "opening", None):
            provenance = provenance.model_copy(update={"opening": dict(seen)})
        return OpenSystem(encoder=encoder, evidence=Evidence(system=record, place=place, provenance=provenance))
    check_base(system.base)
    train_stages(system, place=place, cache=cache, listener=listener)
    folders = [stage_folder(stage, cache) for stage in system.lineage]
    encoder, proof = open_weights(
        system.recipe,
        base=system.base.folder,
        last=system.last(cache),
        adapters=[folder / ADAPTER for folder in folders if not slots_alone(folder / ADAPTER)],
        seed=system.seed,
        place=place,
        name=f"{system.base.name}-{system.card.variant}",
        revision=record.system_id,
    )
    if listener is not None:
        listener.proof(system.label, proof)
        encoder.watch = listener
    chosen = {} if not isinstance(encoder.recipe.layer, str) else {"layer": _choose(encoder, encoder.recipe.layer)}
    stages = tuple((read_stage(folder), read_texts(folder)) for folder in folders)
    for stage, _ in stages:
        if stage.data.unused and listener is not None:
            listener.note(
                f"{system.label}: the {stage.kind} stage cannot use {stage.data.unused} of its {stage.data.examples} "
                "examples (texts that stand in too many rows, or that are too short)"
            )
    weights = {"weights_sha256": stages[-1][0].weights_sha256} if stages else {}
    here = collect(device=place.device, dtype=place.dtype)
    base = {"base": system.base.origin} if system.base.origin else {}
    found: dict[str, Any] = {"opening": base | encoder.opening.describe() | chosen} if encoder.opening else {}
    first = encoder.first_token()
    if first is not None:
        found["first_token"] = first
    if listener is not None:
        layer = f"reads layer {chosen['layer']}" if chosen else ""
        for said in (encoder.opening.note if encoder.opening else "", layer, first.sentence if first else ""):
            if said:
                listener.note(f"{system.label}: {said}")
    provenance = here.model_copy(update={**found, "encoding": encoder.describe(), **weights})
    evidence = Evidence(system=record, place=place, provenance=provenance, proof=proof, stages=stages)
    return OpenSystem(encoder=encoder, evidence=evidence)


def _reference(model: Model, place: Placement, listener: Listener | None) -> ReferenceEncoder:
    from harness.encoder.reference import build_reference

    model.check()
    revision = model.commit or model.sha256
    encoder = build_reference(model.folder, bare=model.bare, place=place, name=model.name, revision=revision)
    encoder.watch = listener
    if encoder.warning and listener is not None:
        listener.note(encoder.warning)
    return encoder


def _choose(encoder: Encoder, task: str) -> str:
    from harness.run.layer import choose_layer
    from harness.suites.dev import dev_pairs

    return choose_layer(encoder, dev_pairs(task))


def train_stages(system: PlannedSystem, *, place: Placement, cache: Path, listener: Listener | None = None) -> None:
    """Train the stages that `cache` lacks, once the mask is proven on the base. Raises ProofError if it is not."""
    if system.untrained(cache):
        base = system.base
        open_weights(
            system.recipe.model_copy(update={"stages": ()}),
            base=base.folder,
            last=None,
            seed=system.seed,
            place=replace(place, dtype="float32"),
            name=base.name,
            revision=base.revision,
        )
    on_stage = None if listener is None else lambda stage: listener.stage(system.label, stage)
    train_lineage(system.base, system.lineage, place=place, cache=cache, on_stage=on_stage)


def open_weights(
    recipe: Recipe,
    *,
    base: Path | None,
    last: Path | None,
    adapters: Sequence[Path] = (),
    seed: int | None,
    place: Placement,
    name: str,
    revision: str,
) -> tuple[Encoder, MaskProof]:
    """The encoder of `recipe` with the weights of the stage in the folder `last`, else of `base`, and its mask proof.

    `base` and the `adapters` of the lineage make its language model; without `base` it has none. Raises ProofError if
    the mask is not what the recipe says.
    """
    encoder = open_latest(
        recipe,
        last=last,
        base=base,
        seed=seed,
        place=place,
        name=name,
        revision=revision,
        language_model=base,
        adapters=adapters,
    )
    return encoder, encoder.prove().require()


def train_variant(
    variant: str, base: Base, *, seed: int, place: Placement, cache: Path, listener: Listener, data: dict[str, str]
) -> Path:
    """Train `variant` on `base` and return its last stage's folder."""
    planned = plan_system(variant, base, seed=seed, data=data)
    if not planned.lineage:
        raise HarnessError(
            f"{variant} has no training; measure it with `harness run`, then write it with `harness export`"
        )
    if Processes.here().first:
        open_system(planned, place=place, cache=cache, listener=listener)
    else:
        train_stages(planned, place=place, cache=cache)
    return stage_folder(planned.lineage[-1], cache)
