"""The declared contrasts: the steps of the packaged model cards, and contrasts.yaml, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from harness.cards import ladder, load_cards
from harness.compare.axis.declared import BaseAxis, read_axes
from harness.errors import HarnessError
from harness.front_matter import read_yaml
from harness.metrics import get_metric
from harness.outcomes import TaskKey


@dataclass(frozen=True, kw_only=True)
class VariantContrast:
    """A comparison of two variants on the same base; `change` says what tells them apart."""

    variant: str
    against: str
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class MaskRow:
    """One kind of training in the table mask × training: the variants with the causal and the bidirectional mask."""

    training: str
    causal: str
    bidirectional: str

    @property
    def masks(self) -> tuple[str, str]:
        """Both variants, the causal one first."""
        return (self.causal, self.bidirectional)


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """What was declared before looking: `alpha` is the family-wise error rate of each family (contrasts.yaml).

    `equivalence` (differences that count as none) and `loss` (those that the regression gate lets pass) hold margins
    by metric, in the unit of a stored score (an accuracy of 0.01 is one point). `of_tasks` are margins of equivalence
    that task cards declare, by task and revision. `grid` and `beside` are what the page
    shows as mask × training, and the rows without training beside it; they test nothing. `axes` are contrasts across
    bases. `sha256` is of the text that was read and of the steps of the ladder.
    """

    alpha: float
    headline: VariantContrast
    ladder: tuple[VariantContrast, ...]
    controls: tuple[VariantContrast, ...]
    equivalence: Mapping[str, float] = field(default_factory=dict)
    loss: Mapping[str, float] = field(default_factory=dict)
    of_tasks: Mapping[tuple[str, str], float] = field(default_factory=dict)
    grid: tuple[MaskRow, ...] = ()
    beside: tuple[str, ...] = ()
    axes: tuple[BaseAxis, ...] = ()
    sha256: str = ""

    def margin(self, key: TaskKey) -> float | None:
        """The margin within which two scores of a task count as equal: its card's, else that of its metric."""
        return self.of_tasks.get((key.task, key.revision), self.equivalence.get(key.metric))

    @property
    def declared(self) -> tuple[VariantContrast, ...]:
        """The first family: the headline, the steps of the ladder, the controls."""
        return self._after_headline((*self.ladder, *self.controls))

    @property
    def steps(self) -> tuple[VariantContrast, ...]:
        """What is followed along an axis of bases: the headline and the steps of the ladder."""
        return self._after_headline(self.ladder)

    def _after_headline(self, steps: tuple[VariantContrast, ...]) -> tuple[VariantContrast, ...]:
        named = {(step.variant, step.against) for step in steps}
        return steps if (self.headline.variant, self.headline.against) in named else (self.headline, *steps)

    @property
    def root(self) -> str:
        """The causal base: the variant that the ladder starts from."""
        return self.ladder[0].against

    @property
    def rungs(self) -> tuple[str, ...]:
        """The variants of the ladder, the causal base first."""
        return (self.root, *dict.fromkeys(step.variant for step in self.ladder))

    def order(self, variants: Iterable[str]) -> list[str]:
        """Sort variants as declared, ladder first, then controls; the undeclared come last by name."""
        declared = [name for step in self.ladder for name in (step.against, step.variant)]
        declared += [name for step in self.controls for name in (step.variant, step.against)]
        place = {name: i for i, name in reversed(list(enumerate(declared)))}
        return sorted(set(variants), key=lambda name: (place.get(name, len(declared)), name))

    def headline_among(self, present: Collection[str]) -> VariantContrast | None:
        """Return the declared headline, or the highest step among `present` variants against the root."""
        if {self.headline.variant, self.headline.against} <= set(present):
            return self.headline
        reached = [step.variant for step in (*self.controls, *self.ladder) if step.variant in present]
        if self.root not in present or not reached:
            return None
        return VariantContrast(variant=reached[-1], against=self.root)


@cache
def declared_contrasts() -> Contrasts:
    """Return the packaged contrasts.

    Cards in the working directory declare nothing: a variant of your own does not change the family of the others.
    """
    steps = [
        VariantContrast(variant=card.variant, against=str(card.step_from), change=card.change or card.title)
        for card in ladder(load_cards(packaged=True))
    ]
    return parse_contrasts((files("harness.compare") / "contrasts.yaml").read_text("utf-8"), steps=steps)


def with_margins(contrasts: Contrasts, scores: pd.DataFrame) -> Contrasts:
    """Return `contrasts` with the margins that the cards of tasks declare; `scores` are rows of Store.scores."""
    own = scores.reindex(columns=["task", "revision", "margin"]).dropna()
    margins = {(str(task), str(revision)): float(margin) for task, revision, margin in own.values.tolist()}
    return replace(contrasts, of_tasks=margins)


def parse_contrasts(text: str, *, steps: Sequence[VariantContrast]) -> Contrasts:
    """Read contrasts from YAML; `steps` are those of the ladder.

    Raises HarnessError for a field that is missing, unknown or wrong, and for a ladder without a step.
    """
    data = read_yaml(text, where="contrasts.yaml")
    try:
        margins = dict(data.pop("margins", {}))
        contrasts = Contrasts(
            **{
                **data,
                "headline": VariantContrast(**data["headline"]),
                "ladder": tuple(steps),
                "controls": tuple(VariantContrast(**control) for control in data["controls"]),
                "grid": tuple(MaskRow(**row) for row in data.get("grid", ())),
                "beside": tuple(data.get("beside", ())),
                "axes": read_axes(data.get("axes", {}), where="contrasts.yaml"),
                "equivalence": _margins(margins.pop("equivalence", {})),
                "loss": _margins(margins.pop("loss", {})),
                "sha256": hashlib.sha256(
                    text.encode() + repr([(s.variant, s.against) for s in steps]).encode()
                ).hexdigest(),
                **margins,
            }
        )
    except (TypeError, KeyError) as error:
        raise HarnessError(f"contrasts.yaml has an unknown or missing field: {error}") from None
    if not 0 < contrasts.alpha < 1:
        raise HarnessError(f"contrasts.yaml: alpha has to be a number between 0 and 1, not {contrasts.alpha!r}")
    if not contrasts.ladder:
        raise HarnessError("no model card of the package names another one as step_from; the ladder needs a step")
    return contrasts


def _margins(declared: Mapping[str, Any]) -> dict[str, float]:
    """Return margins as scores: what is written in points becomes a share of 1."""
    for name, margin in declared.items():
        if not isinstance(margin, int | float) or not margin > 0:
            raise HarnessError(f"contrasts.yaml: the margin of {name} has to be a number above 0, not {margin!r}")
    return {name: float(margin) / get_metric(name).scale for name, margin in declared.items()}
