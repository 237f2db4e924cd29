"""The declared contrasts: contrasts.yaml, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from harness.errors import HarnessError
from harness.metrics import get_metric


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A comparison of two variants on the same base; `change` says what tells them apart."""

    variant: str
    against: str
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """What was declared before looking: `alpha` is the family-wise error rate of each family (contrasts.yaml).

    `equivalence` (differences that count as none) and `loss` (those that the regression gate lets pass) hold margins
    by metric, in the unit of a stored score (an accuracy of 0.01 is one point); `sha256` names the text that was read.
    """

    alpha: float
    headline: Contrast
    ladder: tuple[Contrast, ...]
    controls: tuple[Contrast, ...]
    equivalence: Mapping[str, float] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=dict)
    sha256: str = ""

    @property
    def declared(self) -> tuple[Contrast, ...]:
        """The first family: the headline, the steps of the ladder, the controls."""
        steps = (*self.ladder, *self.controls)
        named = {(step.variant, step.against) for step in steps}
        return steps if (self.headline.variant, self.headline.against) in named else (self.headline, *steps)

    def equivalence_margin(self, metric: str) -> float | None:
        """Return how small a difference in `metric` counts as none, as a score; None if nothing was declared."""
        return self.equivalence.get(metric)

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
        margins = dict(data.pop("margins", {}))
        contrasts = Contrasts(
            **{
                **data,
                "headline": Contrast(**data["headline"]),
                "ladder": tuple(Contrast(**step) for step in data["ladder"]),
                "controls": tuple(Contrast(**step) for step in data["controls"]),
                "equivalence": _margins(margins.pop("equivalence", {})),
                "loss": _margins(margins.pop("loss", {})),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
                **margins,
            }
        )
    except (TypeError, KeyError) as error:
        raise HarnessError(f"contrasts.yaml has an unknown or missing field: {error}") from None
    if not 0 < contrasts.alpha < 1 or not contrasts.ladder:
        raise HarnessError("contrasts.yaml needs an alpha between 0 and 1 and at least one step of the ladder")
    return contrasts


def _margins(declared: Mapping[str, Any]) -> dict[str, float]:
    """Return margins as scores: what is written in points becomes a share of 1."""
    for name, margin in declared.items():
        if not isinstance(margin, int | float) or not margin > 0:
            raise HarnessError(f"contrasts.yaml: the margin of {name} has to be a number above 0, not {margin!r}")
    return {name: float(margin) / get_metric(name).scale for name, margin in declared.items()}
