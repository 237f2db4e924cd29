"""The suite feng2025: the tasks of Feng et al. 2025 by their protocol (harness.suites.words.paper). Cheap to import."""

from __future__ import annotations

from dataclasses import dataclass

from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult
from harness.suites.task import Suite
from harness.suites.words.data import aspect, context, norms, wic
from harness.suites.words.data.sources import DataSet
from harness.suites.words.probe import SUITE_VERSION, Features, OnWordData

TASK_TYPE = "Reproduction"


@dataclass(frozen=True, kw_only=True)
class PaperTask(OnWordData):
    """A task as Feng et al. 2025 measure it: `figures_task` and `subtask` are its names in their tables.

    `hidden`, `batch_size` and `rate` are of their MLP.
    """

    task_type: str = TASK_TYPE
    figures_task: str
    subtask: str
    hidden: tuple[int, ...]
    batch_size: int
    rate: float

    @property
    def revision(self) -> str:
        """What identifies the examples and the protocol."""
        return f"{SUITE_VERSION}.paper.{self.data.revision}"

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Fit both probes on the training part and answer for the test part."""
        from harness.suites.words.paper import measure

        return measure(self, encoder)


_DEEP = ((20, 10), 16, 2e-5)


def _task(
    name: str,
    data: DataSet,
    task: str,
    subtask: str,
    mlp: tuple[tuple[int, ...], int, float],
    *,
    metric: str = "accuracy",
    positions: tuple[int, ...] = (0,),
    features: Features = "",
) -> PaperTask:
    hidden, batch_size, rate = mlp
    return PaperTask(
        name=f"Feng2025{name}",
        about=f"{task}, {subtask or 'mean over dimensions'}, as Feng et al. 2025 measure it",
        data=data,
        figures_task=task,
        subtask=subtask,
        hidden=hidden,
        batch_size=batch_size,
        rate=rate,
        metric=metric,
        positions=positions,
        features=features,
    )


_CONTEXT, _ASPECT = "context probes", "lexical aspect, WiC"
TASKS: tuple[PaperTask, ...] = (
    _task("SubjectAnimacy", context.SUBJECT_ANIMACY, _CONTEXT, "subject animacy", _DEEP, positions=(-1, 0, 1, 2, 3)),
    _task("VerbCausative", context.VERB_CAUSATIVE, _CONTEXT, "verb causative", _DEEP, positions=(-2, -1, 0, 1, 2)),
    _task("VerbDynamic", context.VERB_DYNAMIC, _CONTEXT, "verb dynamic", _DEEP, positions=(-2, -1, 0, 1, 2)),
    _task("ObjectAnimacy", context.OBJECT_ANIMACY, _CONTEXT, "object animacy", _DEEP, positions=(-4, -3, -2, -1, 0)),
    _task("Telicity", aspect.TELICITY, _ASPECT, "telicity", _DEEP),
    _task("Duration", aspect.DURATION, _ASPECT, "duration", _DEEP),
    _task("ConcreteText", norms.CONCRETEXT, "CONcreTEXT", "", ((40, 20), 8, 2e-3), metric="pearson"),
    _task(
        "SensorimotorNorms",
        norms.SENSORIMOTOR,
        "sensorimotor norms (mean of 11)",
        "",
        ((40, 20), 16, 2e-3),
        metric="pearson",
    ),
    _task("WiCCosine", wic.WIC, _ASPECT, "WiC cosine", ((5, 2), 8, 1e-3), features="cosine"),
    _task("WiCDifference", wic.WIC, _ASPECT, "WiC absolute difference", ((20, 10), 16, 1e-5), features="difference"),
    _task("WiCConcatenation", wic.WIC, _ASPECT, "WiC concatenation", ((20, 10), 16, 1.5e-5), features="concatenation"),
)
SUITE = Suite(
    name="feng2025",
    about="the same data by the protocol of Feng et al. 2025, to set beside its figures (`harness reproduce`)",
    tasks=TASKS,
)
SUITES = (SUITE,)
