"""The declared contrasts: contrasts.yaml, read and checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from harness.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A comparison of two variants on the same base; `change` says what tells them apart."""

    variant: str
    against: str
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """The family that was declared: `alpha` is the error rate of each contrast's family of tasks."""

    alpha: float
    headline: Contrast
    ladder: tuple[Contrast, ...]
    controls: tuple[Contrast, ...]

    @property
    def root(self) -> str:
        """The variant at the foot of the ladder."""
        return self.ladder[0].against

    def order(self, variants: Iterable[str]) -> list[str]:
        """Sort variants as declared, ladder first, then controls; the undeclared come last by name."""
        declared = [name for step in self.ladder for name in (step.against, step.variant)]
        declared += [name for step in self.controls for name in (step.variant, step.against)]
        place = {name: i for i, name in reversed(list(enumerate(declared)))}
        return sorted(set(variants), key=lambda name: (place.get(name, len(declared)), name))

    def headline_among(self, present: Collection[str]) -> Contrast | None:
        """Return the declared headline, or the highest step among `present` variants against the root."""
        if {self.headline.variant, self.headline.against} <= set(present):
            return self.headline
        reached = [step.variant for step in (*self.controls, *self.ladder) if step.variant in present]
        if self.root not in present or not reached:
            return None
        return Contrast(variant=reached[-1], against=self.root)


@cache
def declared_contrasts() -> Contrasts:
    """Return the packaged contrasts."""
    return parse_contrasts((files("harness.compare") / "contrasts.yaml").read_text("utf-8"))


def parse_contrasts(text: str) -> Contrasts:
    """Read contrasts from YAML; raise HarnessError for a field that is missing, unknown or wrong."""
    data = yaml.safe_load(text)
    try:
        contrasts = Contrasts(
            **{
                **data,
                "headline": Contrast(**data["headline"]),
                "ladder": tuple(Contrast(**step) for step in data["ladder"]),
                "controls": tuple(Contrast(**step) for step in data["controls"]),
            }
        )
    except (TypeError, KeyError) as error:
        raise HarnessError(f"contrasts.yaml has an unknown or missing field: {error}") from None
    if not 0 < contrasts.alpha < 1 or not contrasts.ladder:
        raise HarnessError("contrasts.yaml needs an alpha between 0 and 1 and at least one step of the ladder")
    return contrasts
