"""What the gate measures, from gate.yaml, and forgives, from contrasts.yaml: read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from harness.compare.contrasts import declared_contrasts
from harness.errors import HarnessError
from harness.front_matter import read_yaml
from harness.metrics import get_metric
from harness.suites.catalog import suite_lists
from harness.suites.task import TaskInfo


@dataclass(frozen=True, kw_only=True)
class Single:
    """Tasks on which a variant is also read one text at a time."""

    variant: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """`margins` by metric, in the score's own unit; `alpha` is the chance that a gate without a loss fails.

    `of_tasks` are margins that task cards declare, by task.
    """

    alpha: float
    margins: Mapping[str, float]
    variants: tuple[str, ...]
    one_by_one: tuple[Single, ...]
    of_tasks: Mapping[str, float] = field(default_factory=dict)

    def margin(self, metric: str, task: str = "") -> float:
        """The margin of a task; HarnessError where none is declared, or where no direction of its metric is better."""
        if task in self.of_tasks:
            return self.of_tasks[task]
        if get_metric(metric).better == "neither":
            raise HarnessError(
                f"{metric} has no better direction, so it cannot have a loss; leave its tasks out of the gate"
            )
        if metric not in self.margins:
            raise HarnessError(
                f"contrasts.yaml declares no loss margin for {metric}; declare one before looking at results: `margin` "
                "in the card of a task, or `margins` in suites/NAME.yaml"
            )
        return self.margins[metric]


@cache
def declared_gate() -> Gate:
    return parse_gate((files("harness.gate") / "gate.yaml").read_text("utf-8"), margins=declared_contrasts().loss)


def gate_of(suite: str, infos: Sequence[TaskInfo]) -> Gate:
    """The gate of a suite of a user's own: margins of its file and of its cards before those of metrics."""
    lists = suite_lists()
    own = lists[suite].margins if suite in lists else {}
    return replace(
        declared_gate(),
        margins={**declared_contrasts().loss, **{name: m / get_metric(name).scale for name, m in own.items()}},
        variants=(),
        one_by_one=(),
        of_tasks={info.name: info.margin for info in infos if info.margin is not None},
    )


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
