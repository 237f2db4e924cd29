"""The supported types of task: what scores them, and how their examples are read. A new type is a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError
from harness.metrics import METRICS
from harness.suites.mteb.kept import Kept
from harness.suites.mteb.labels import classification, clustering, clustering_of_sets
from harness.suites.mteb.pairs import pair_classification, sts
from harness.suites.mteb.retrieval import metric_of, retrieval
from harness.suites.mteb.sets import bitext, multilabel, summaries

SUPPORTED = (
    "STS", "Classification", "MultilabelClassification", "PairClassification", "Clustering", "Retrieval", "Reranking",
    "BitextMining", "Summarization",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MtebType:
    """`metrics` are the harness's by mteb's main score, None where they follow from its name; `keep` reads the
    examples from the task, its data, what mteb saved, and the state of the task's generator before it was evaluated;
    `draws` says that evaluating takes random draws from that.
    """

    metrics: dict[str, str] | None
    keep: Callable[[Any, Any, Any, Any], Kept]
    draws: bool = False

    def metric(self, main_score: str) -> str | None:
        """The harness's name of mteb's `main_score`, None where it is not supported."""
        if self.metrics is not None:
            return self.metrics.get(main_score)
        name = metric_of(main_score)
        return name if name in METRICS else None


def type_of(task: Any) -> MtebType:
    """The type of mteb's `task`. Raises HarnessError for a type whose examples cannot be kept."""
    from mteb.abstasks.aggregated_task import AbsTaskAggregate
    from mteb.abstasks.classification import AbsTaskClassification
    from mteb.abstasks.clustering import AbsTaskClustering
    from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
    from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification
    from mteb.abstasks.pair_classification import AbsTaskPairClassification
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.sts import AbsTaskSTS
    from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
    from mteb.abstasks.text.summarization import AbsTaskSummarization

    meta = task.metadata
    if isinstance(task, AbsTaskAggregate):
        parts = ",".join(part.metadata.name for part in task.tasks)
        raise HarnessError(f"{meta.name} is a mean over tasks; name its tasks: --tasks {parts}")
    kinds: dict[type, MtebType] = {  # a type before those that it is made from
        AbsTaskMultilabelClassification: MtebType(
            metrics={"accuracy": "accuracy", "f1": "multilabel_f1"}, keep=multilabel, draws=True
        ),
        AbsTaskSTS: MtebType(metrics={"cosine_spearman": "spearman"}, keep=sts),
        AbsTaskClassification: MtebType(metrics={"accuracy": "accuracy", "f1": "macro_f1"}, keep=classification),
        AbsTaskPairClassification: MtebType(metrics={"max_ap": "average_precision"}, keep=pair_classification),
        AbsTaskClustering: MtebType(metrics={"v_measure": "v_measure"}, keep=clustering, draws=True),
        AbsTaskClusteringLegacy: MtebType(metrics={"v_measure": "v_measure"}, keep=clustering_of_sets),
        AbsTaskRetrieval: MtebType(metrics=None, keep=retrieval),
        AbsTaskBitextMining: MtebType(metrics={"f1": "weighted_f1"}, keep=bitext),
        AbsTaskSummarization: MtebType(metrics={"cosine_spearman": "spearman"}, keep=summaries),
    }
    found = next((kind for base, kind in kinds.items() if isinstance(task, base)), None)
    if found is None or meta.type not in SUPPORTED:
        raise HarnessError(
            f"{meta.name} is a task of type {meta.type}, which is not supported; supported: {', '.join(SUPPORTED)}"
        )
    if list(meta.modalities) != ["text"]:
        raise HarnessError(
            f"{meta.name} is a task on {' and '.join(meta.modalities)}; only tasks on text are supported"
        )
    if found.metric(meta.main_score) is None:
        raise HarnessError(f"{meta.name} is scored by {meta.main_score}, which is not supported for {meta.type}")
    if "Deprecated" in getattr(task, "evaluator", type(None)).__name__:
        raise HarnessError(
            f"{meta.name} is scored by the mean of correlations and of their p values, a fault of mteb's; measure "
            f"{meta.superseded_by}, which has the correlations alone"
        )
    if getattr(task, "is_cross_validation", False):
        raise HarnessError(f"{meta.name} has its own folds, which is not supported")
    return found
