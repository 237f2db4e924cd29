"""What the gate measures, from gate.yaml, and forgives, from contrasts.yaml: read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harness.compare.contrasts import declared_contrasts
from harness.errors import HarnessError
from harness.front_matter import read_yaml
from harness.metrics import get_metric


@dataclass(frozen=True, kw_only=True)
class Single:
    """Tasks on which a variant is also read one text at a time."""

    variant: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """`margins` by metric, in the score's own unit; `alpha` is the chance that a gate without a loss fails."""

    alpha: float
    margins: Mapping[str, float]
    variants: tuple[str, ...]
    one_by_one: tuple[Single, ...]

    def margin(self, metric: str) -> float:
        """The margin of `metric`; HarnessError where none is declared, or where no direction of it is better."""
        if get_metric(metric).better == "neither":
            raise HarnessError(
                f"{metric} has no better direction, so it cannot have a loss; leave its tasks out of the gate"
            )
        if metric not in self.margins:
            raise HarnessError(
                f"contrasts.yaml declares no loss margin for {metric}; declare one before looking at results"
            )
        return self.margins[metric]


@cache
def declared_gate() -> Gate:
    return parse_gate((files("harness.gate") / "gate.yaml").read_text("utf-8"), margins=declared_contrasts().loss)


def parse_gate(text: str, *, margins: Mapping[str, float]) -> Gate:
    """Read a declaration from YAML; raise HarnessError for a field that is missing, unknown or out of range."""
    data = read_yaml(text, where="gate.yaml")
    try:
        single = tuple(Single(variant=one["variant"], tasks=tuple(one["tasks"])) for one in data["one_by_one"])
        gate = Gate(**{**data, "margins": margins, "variants": tuple(data["variants"]), "one_by_one": single})
    except (TypeError, KeyError) as error:
        raise HarnessError(f"gate.yaml has an unknown or missing field: {error}") from None
    if not 0 < gate.alpha < 0.5:
        raise HarnessError("gate.yaml: alpha lies between 0 and 0.5")
    return gate
