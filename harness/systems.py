"""Base × card × seed ─▶ a system with an address, and, when it is needed, its encoder. Planning knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bases import Base
from harness.cards import Card
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.records import System
from harness.training.lineage import PlannedStage, plan_lineage
from harness.training.stages import OnStage, is_trained, latest_weights, stage_folder, train_lineage

if TYPE_CHECKING:
    from harness.encoder.model import Encoder
    from harness.encoder.placement import Placement


@dataclass(frozen=True, kw_only=True)
class PlannedSystem:
    """A system before anything is trained; `seed` is None where the recipe has nothing random in it."""

    base: Base
    card: Card
    recipe: Recipe
    seed: int | None
    lineage: tuple[PlannedStage, ...]

    @property
    def label(self) -> str:
        """How the system is called on screen."""
        return self.card.variant if self.seed is None else f"{self.card.variant} (seed {self.seed})"

    @property
    def untrained(self) -> tuple[PlannedStage, ...]:
        """The stages that no earlier run has trained."""
        return tuple(stage for stage in self.lineage if not is_trained(stage, cache_folder()))

    def record(self) -> System:
        """The system as the store keeps it. Its address is made of the recipe, not of the card's prose."""
        return System(
            base=self.base.name,
            base_revision=self.base.revision,
            variant=self.card.variant,
            seed=self.seed,
            card_hash=self.recipe.digest,
            recipe={"title": self.card.title, "card_sha256": self.card.sha256, **self.recipe.model_dump(mode="json")},
            lineage={planned.name: planned.digest for planned in self.lineage},
            data={planned.name: planned.fingerprint for planned in self.lineage},
            folder=str(self._last() or self.base.folder),
        )

    def _last(self) -> Path | None:
        return stage_folder(self.lineage[-1], cache_folder()) if self.lineage else None

    def train(self, device: str, on_stage: OnStage | None = None) -> None:
        """Train the stages that are missing, once the mask is proven on the base. Raises ProofError if it is not."""
        if self.untrained:
            self._prove_base(device)
        train_lineage(self.base, self.lineage, cache=cache_folder(), device=device, on_stage=on_stage)

    def _prove_base(self, device: str) -> None:
        from harness.encoder.model import build_encoder
        from harness.encoder.placement import Placement

        place = Placement(device=device, dtype="float32")
        untrained = self.recipe.model_copy(update={"stages": ()})
        build_encoder(
            self.base.folder, untrained, seed=self.seed, place=place, name=self.base.name, revision=self.base.revision
        ).prove().require()

    def encoder(self, place: Placement) -> Encoder:
        """Load the trained system. Call `train` first."""
        from harness.encoder.model import build_encoder

        record = self.record()
        checkpoint, recipe = latest_weights(self.recipe, last=self._last(), base=self.base.folder)
        return build_encoder(
            checkpoint,
            recipe,
            seed=self.seed,
            place=place,
            name=f"{self.base.name}-{self.card.variant}",
            revision=record.system_id,
            language_model=self.base.folder,
            adapters=[stage_folder(planned, cache_folder()) / "adapter" for planned in self.lineage],
        )


def plan_systems(base: Base, cards: Sequence[Card], seeds: Sequence[int]) -> list[PlannedSystem]:
    """One system a card and seed; a card without randomness gives one system however many the seeds."""
    planned: list[PlannedSystem] = []
    for card in cards:
        recipe = card.recipe_on(base.name)
        for seed in seeds if recipe.seeded else [None]:
            lineage = plan_lineage(base, recipe, 0 if seed is None else seed)
            planned.append(PlannedSystem(base=base, card=card, recipe=recipe, seed=seed, lineage=lineage))
    return planned
