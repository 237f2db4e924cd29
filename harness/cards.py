"""model_cards/*.md ─▶ Card: a variant is data.

A card is a Hugging Face style model card: YAML front matter holds the recipe, the prose below it says what the
variant is for. Nothing else in the code knows a variant by name. Cards are read from the package and from a
`model_cards/` folder in the working directory; of two cards with one name the working directory's is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from harness.errors import HarnessError, near_names
from harness.front_matter import field_names, first_mistake, read_card_file, read_yaml
from harness.recipes import Recipe, Strict
from harness.text_to_vector import READING
from harness.training import PUBLISHED, STAGES, parse_recipe

READ_WITH = "@"  # between a variant and the fields that it is read with
UNTIL = "until"  # of a stage: the step after which its training stops


class Card(Strict):
    """One variant: its recipe, its per-base overrides, and the prose of its card."""

    variant: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    step_from: str | None = Field(None, description="the variant this one adds one step to")
    change: str | None = Field(None, min_length=1, max_length=200, description="what that step changes, in a few words")
    recipe: Recipe = Field(description="on a base without overrides; its fields stand flat in the front matter")
    bases: dict[str, dict[str, dict[str, Any] | list[dict[str, Any]]]] = Field(
        default_factory=dict,
        description="base name → stage kind → fields that differ there; or → adapters: published ones in their place",
    )
    sources: tuple[str, ...] = ()
    license: str = "apache-2.0"
    library_name: Literal["sentence-transformers"] = "sentence-transformers"
    tags: tuple[str, ...] = ()
    prose: str = Field(min_length=1)
    sha256: str

    @model_validator(mode="after")
    def _overrides_fit(self) -> Card:
        kinds = [stage.kind for stage in self.recipe.stages]
        if len(set(kinds)) != len(kinds):
            raise ValueError("`stages` has the same kind twice; keep one of them")
        if self.recipe.instruction is not None and self.recipe.task_instructions:
            raise ValueError("a card cannot have both instruction and task_instructions; keep one of them")
        for stage in self.recipe.stages:
            if stage.kind in PUBLISHED:
                raise ValueError(
                    f"`stages` cannot hold a published {stage.kind}, which fits one base; list it in `bases`"
                )
        for base in self.bases:
            self.recipe_on(base)
        return self

    def recipe_on(self, base_name: str) -> Recipe:
        """The recipe on base `base_name` (`mini`, a folder's name or a hub id), overrides applied.

        A folder that bears the last part of a hub id takes that id's overrides.
        """
        overrides = self._overrides(base_name)
        replaced = _replacing(overrides)
        known = {stage.kind for stage in self.recipe.stages} | set(replaced)
        for unknown in sorted(set(overrides) - known):
            raise ValueError(f"bases.{base_name} names {unknown}, which is not a stage of this card")
        for key, fields in overrides.items():
            if isinstance(fields, list) != (key in replaced):
                raise ValueError(
                    f"bases.{base_name}.{key} is not {'a list' if key in replaced else 'fields and values'}"
                )
        if replaced and len(overrides) > 1:
            key = next(iter(replaced))
            raise ValueError(f"bases.{base_name} has {key} and stages; {key} replace all stages, so keep one of them")
        stages = [stage.model_dump() | overrides.get(stage.kind, {}) for stage in self.recipe.stages]
        for key, kind in replaced.items():
            stages = [{"kind": kind, **fields} for fields in overrides[key]]
        return parse_recipe({**self.recipe.model_dump(exclude={"stages"}), "stages": stages})

    def recipe_for(self, base_name: str) -> Recipe:
        """As recipe_on. Raises HarnessError where a step at which training should stop is not one of that base."""
        try:
            recipe = self.recipe_on(base_name)
        except ValidationError as error:
            raise HarnessError(f"{self.variant} on {base_name}: {_first_mistake(error)}") from None
        asked = [getattr(stage, UNTIL, None) for stage in self.recipe.stages[-1:]]
        if asked != [None] and asked != [getattr(stage, UNTIL, None) for stage in recipe.stages[-1:]]:
            raise HarnessError(
                f"{self.variant}: on {base_name} its card merges published adapters and does not train, so training "
                "cannot stop early; name the card alone"
            )
        return recipe

    def _overrides(self, base_name: str) -> dict[str, Any]:
        if base_name in self.bases:
            return self.bases[base_name]
        return next((fields for name, fields in self.bases.items() if name.rpartition("/")[2] == base_name), {})

    def with_data(self, data: dict[str, str], base_name: str) -> Card:
        """This card with the training text of some stages on a base replaced: stage kind → `mini`, file or hub data.

        Raises HarnessError for a stage kind that takes no data, and where adapters stand in place of training.
        """
        known = sorted(kind.kind_name() for kind in STAGES if kind.takes_data)
        for unknown in set(data) - set(known):
            raise HarnessError(f"there is no stage {unknown!r}; stages: {', '.join(known)}")
        kinds = {stage.kind for stage in self.recipe.stages}
        own = {kind: source for kind, source in data.items() if kind in kinds}
        if not own:
            return self
        overrides = self._overrides(base_name)
        for key in _replacing(overrides):
            raise HarnessError(
                f"on {base_name} the card of {self.variant} merges published {key} and does not train, so "
                f"--data has no effect; copy the card into ./model_cards and delete `{key}` from it"
            )
        merged = {kind: {**overrides.get(kind, {}), "data": source} for kind, source in own.items()}
        return self.model_copy(update={"bases": {**self.bases, base_name: {**overrides, **merged}}})

    @cached_property
    def summary(self) -> str:
        """The first paragraph of the prose, on one line."""
        body = [part for part in self.prose.split("\n\n") if not part.startswith("#")]
        return " ".join((body[0] if body else self.title).split())


def read_card(path: Path) -> Card:
    """Parse and validate one card; HarnessError names the file and the field that is wrong."""
    found = read_card_file(path, least="`variant` and `attention`")
    front = found.fields
    try:
        recipe = parse_recipe({name: front.pop(name) for name in Recipe.model_fields if name in front})
        card = Card.model_validate(front | {"recipe": recipe, "prose": found.prose, "sha256": _sha256(found.text)})
    except ValidationError as error:
        raise HarnessError(f"{path}: {_first_mistake(error)}") from None
    if card.variant != path.stem:
        raise HarnessError(f"{path}: the card names the variant {card.variant!r}; name the file {card.variant}.md")
    return card


def card_folders() -> list[Path]:
    """Folders that hold cards, the one that wins last."""
    package = Path(__file__).parent / "_model_cards"
    if not package.is_dir():  # a source tree or an editable installation
        package = Path(__file__).parent.parent / "model_cards"
    here = Path.cwd() / "model_cards"
    return [package] if not here.is_dir() or here.resolve() == package.resolve() else [package, here]


def load_cards(*, packaged: bool = False) -> dict[str, Card]:
    """All cards by variant name: the ladder step by step, then the controls (cards with the tag `control`).

    With `packaged` the cards in the working directory do not count.
    """
    paths: dict[str, Path] = {}
    for folder in card_folders()[: 1 if packaged else None]:
        paths |= {path.stem: path for path in sorted(folder.glob("*.md"))}
    if not paths:
        raise HarnessError(f"no model card in {card_folders()[-1]}; add <variant>.md")
    cards = {name: read_card(path) for name, path in paths.items()}
    for card in cards.values():
        if card.step_from is not None and card.step_from not in cards:
            raise HarnessError(
                f"{paths[card.variant]}: there is no card {card.step_from!r} for step_from; "
                f"{near_names(card.step_from, cards)}"
            )
    return dict(sorted(cards.items(), key=lambda item: ("control" in item[1].tags, _depth(item[1], cards), item[0])))


def of_all(cards: dict[str, Card]) -> tuple[str, ...]:
    """The variants that `--all` means: every card but those with the tag `by-name`."""
    return tuple(name for name, card in cards.items() if "by-name" not in card.tags)


def ladder(cards: dict[str, Card]) -> list[Card]:
    """Return the steps of the ladder in order: the cards that add a step to another one and are no controls."""
    return [card for card in cards.values() if card.step_from is not None and "control" not in card.tags]


def get_card(variant: str, cards: dict[str, Card]) -> Card:
    """The card of `variant`. `NAME@FIELD=VALUE,FIELD=VALUE` is the card NAME, read with other fields.

    Those are the fields that concern the reading of texts alone (harness.text_to_vector.READING): the weights are those
    of NAME. Besides, `until` stops the last stage early. Raises HarnessError for a name, field or value that is not
    known.
    """
    name, at, changes = variant.partition(READ_WITH)
    if name not in cards:
        raise HarnessError(f"there is no variant {name!r}; {near_names(name, cards)}")
    if not at:
        return cards[name]
    card, fields = cards[name], dict[str, Any]()
    known = (*READING, *((UNTIL,) if card.recipe.stages else ()))
    for each in changes.split(","):
        key, _, value = each.partition("=")
        if key not in known:
            raise HarnessError(f"{variant!r}: {key!r} is no field that a name can set; {near_names(key, known)}")
        if key in fields:
            raise HarnessError(f"{variant!r}: the name sets {key} twice; give it one value")
        fields[key] = read_yaml(value, where=f"{variant!r}: {key}")
    until = fields.pop(UNTIL, None)
    try:
        recipe = parse_recipe({**card.recipe.model_dump(), **fields})
    except ValidationError as error:
        raise HarnessError(f"{variant!r}: {_first_mistake(error)}") from None
    if until is not None:
        if type(until) is not int or until < 0:
            raise HarnessError(f"{variant!r}: {UNTIL} is not a number of steps; write a whole number from 0 on")
        # How many steps there are is known on a base: see recipe_for.
        *before, last = recipe.stages
        recipe = recipe.model_copy(update={"stages": (*before, last.model_copy(update={UNTIL: until}))})
    title = f"{card.title}; read with {changes.replace(',', ', ')}"[:200]
    return card.model_copy(update={"variant": variant, "title": title, "recipe": recipe, "step_from": None})


def _depth(card: Card, cards: dict[str, Card]) -> int:
    depth, seen = 0, {card.variant}
    while card.step_from is not None:
        card, depth = cards[card.step_from], depth + 1
        if card.variant in seen:
            raise HarnessError(
                f"the cards {', '.join(sorted(seen))} name each other as step_from in a circle; correct step_from"
            )
        seen.add(card.variant)
    return depth


def _first_mistake(error: ValidationError) -> str:
    return first_mistake(error, _known_fields())


def _replacing(overrides: Iterable[str]) -> dict[str, str]:
    """Those keys of `overrides` that list stages in place of all stages of a card, with the kind of these stages."""
    keys = {kind.instead_of_training: kind.kind_name() for kind in STAGES}
    return {key: keys[key] for key in overrides if key in keys}


def _known_fields() -> set[str]:
    models: tuple[type[BaseModel], ...] = (Card, Recipe, *STAGES)
    return set().union(*map(field_names, models)) - {"recipe", "prose", "sha256"}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
