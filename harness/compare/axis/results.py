"""What is said of a step on the levels of an axis: its effects, its interactions, their means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.compare.axis.declared import BaseAxis
from harness.compare.axis.facts import BaseFacts
from harness.compare.contrasts import VariantContrast
from harness.compare.overall import MeanVerdict
from harness.compare.results import JudgedDifference
from harness.outcomes import TaskKey
from harness.stats.across import AcrossTasks
from harness.stats.estimate import DrawSpread, Estimate, Interval

Sampled = Literal["checkpoints", "training seeds", "pretraining seeds"]
TREND = "trend"


@dataclass(frozen=True, kw_only=True)
class StepEffect:
    """What a step changes on one task on one level: the mean over the `bases` of the level and their training seeds.

    `sampled` says what the interval covers beside the examples; "checkpoints": nothing. `crossed` is the estimate with
    the pretraining seeds as a sample (with the training seeds if there is one base), from two of them on.
    """

    step: VariantContrast
    level: str
    bases: tuple[str, ...]
    key: TaskKey
    task_type: str
    n_examples: int
    n_units: int
    value: float
    interval: Interval | None
    spread: DrawSpread | None
    sampled: Sampled
    crossed: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Interaction(JudgedDifference):
    """How much more a step changes on `level` than on the level `against`; `sampled` and `crossed` as of StepEffect.

    On the level "trend" it is the slope over all levels: how much more the step changes a level on. `against` is empty.
    """

    step: VariantContrast
    level: str
    against: str
    sampled: Sampled


@dataclass(frozen=True, kw_only=True)
class MeanEffect:
    """The mean over tasks of an effect (`against` is empty), or of an interaction, which has a verdict.

    The verdict is None where the mean is not tested.
    """

    step: VariantContrast
    level: str
    against: str
    across: AcrossTasks
    sampled: Sampled
    verdict: MeanVerdict | None = None


@dataclass(frozen=True, kw_only=True)
class AxisAnalysis:
    """All that is said of an axis. `problems` names what could not be compared and why.

    `width` is that at which all vectors were read; None: each base at its own.
    """

    axis: BaseAxis
    width: int | None
    facts: tuple[BaseFacts, ...]
    steps: tuple[VariantContrast, ...]
    effects: tuple[StepEffect, ...]
    interactions: tuple[Interaction, ...]
    means: tuple[MeanEffect, ...]
    problems: tuple[str, ...]
    alpha: float
    declaration: str
