"""What is measured, before anything of it is trained or opened. No torch; everything here can be pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from harness.bases import Base, shape_of
from harness.cards import Card, get_card, load_cards
from harness.errors import HarnessError, near_names
from harness.models import Model
from harness.recipes import Recipe
from harness.records import StoredRecipe, System
from harness.training.lineage import PlannedStage, plan_lineage
from harness.training.stages import is_trained, stage_folder

if TYPE_CHECKING:
    from harness.encoder.protocol import TextEncoder


@dataclass(frozen=True, kw_only=True)
class PlannedSystem:
    """A variant of a base; `seed` is None where the recipe has nothing random in it."""

    base: Base
    card: Card
    recipe: Recipe
    seed: int | None
    lineage: tuple[PlannedStage, ...]

    @property
    def label(self) -> str:
        return self.card.variant if self.seed is None else f"{self.card.variant} (seed {self.seed})"

    def untrained(self, cache: Path) -> tuple[PlannedStage, ...]:
        return tuple(stage for stage in self.lineage if not is_trained(stage, cache))

    def last(self, cache: Path) -> Path | None:
        """The folder in `cache` of the last stage, trained or not; None for a variant without stages."""
        return stage_folder(self.lineage[-1], cache) if self.lineage else None

    def record(self, cache: Path) -> System:
        """The system as the store keeps it. Its address is made of the recipe, not of the card's prose."""
        return System(
            base=self.base.name,
            base_revision=self.base.revision,
            variant=self.card.variant,
            seed=self.seed,
            card_hash=self.recipe.digest,
            recipe=StoredRecipe(
                version=1,
                title=self.card.title,
                card_sha256=self.card.sha256,
                **self.recipe.model_dump(mode="json"),
            ),
            lineage={planned.name: planned.digest for planned in self.lineage},
            data={planned.name: planned.fingerprint for planned in self.lineage},
            folder=str(self.last(cache) or self.base.folder),
        )


@dataclass(frozen=True, kw_only=True)
class Floor:
    """A suite's encoder without a model (the bag of words), made from the folder of `base`."""

    label: str
    base: Base
    make: Callable[[Path], TextEncoder]

    def record(self, cache: Path) -> System:
        """The system as the store keeps it; nothing of it lies in the `cache`."""
        return System(base=self.base.name, base_revision=self.base.revision, variant=self.label, kind="baseline")


AnySystem: TypeAlias = PlannedSystem | Model | Floor


def check_recipes_of(base: Base, cards: Mapping[str, Card]) -> None:
    """Raise HarnessError if `base` asks for the recipes of another base, and no card has an entry for that one."""
    known = sorted({name for card in cards.values() for name in card.bases})
    if base.recipes_of not in {base.name, *known}:
        raise HarnessError(
            f"{base.folder / 'config.json'} asks for the recipes of {base.recipes_of!r}, and no card has an entry for "
            f"it; {near_names(base.recipes_of, known)}"
        )


def plan_systems(base: Base, cards: Sequence[Card], seeds: Sequence[int]) -> list[PlannedSystem]:
    """One system a card and seed; a card without randomness gives one system however many the seeds.

    Raises HarnessError for a card that asks for a layer or a width that `base` does not have.
    """
    layers, width = shape_of(base.folder)
    planned: list[PlannedSystem] = []
    for card in cards:
        recipe = card.recipe_for(base.recipes_of)
        recipe.require_fits(layers=layers, width=width, name=f"{card.variant} on {base.name}")
        for seed in seeds if recipe.seeded else [None]:
            lineage = plan_lineage(base, recipe, 0 if seed is None else seed)
            planned.append(PlannedSystem(base=base, card=card, recipe=recipe, seed=seed, lineage=lineage))
    return planned


def plan_system(variant: str, base: Base, *, seed: int = 0, data: Mapping[str, str] | None = None) -> PlannedSystem:
    """The one system of `variant` on `base`, its stages trained on `data` where given (as in Card.with_data).

    Raises HarnessError for an unknown variant or stage.
    """
    cards = load_cards()
    check_recipes_of(base, cards)
    card = get_card(variant, cards).with_data(dict(data or {}), base.recipes_of)
    (planned,) = plan_systems(base, [card], [seed])
    return planned
