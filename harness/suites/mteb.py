"""Any mteb task of a supported type, run by mteb itself, kept to the last example.

mteb saves predictions but neither gold labels nor which documents a clustering draw took. Gold is read from the
task's own data; the draws are replayed from a copy of the task's random state. Each call takes a fresh task
object, because a clustering task draws anew every time it is used. The stored score is recomputed from the rows
and must equal mteb's `main_score` (harness.metrics.TOLERANCE).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd

from harness.contamination.texts import Hashes, text_hashes
from harness.errors import HarnessError, near_names
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.suites.task import TaskEncoder, TaskInfo

METRICS = {"cosine_spearman": "spearman", "accuracy": "accuracy", "v_measure": "v_measure"}
SUPPORTED = ("STS", "Classification", "Clustering")
BATCH_SIZE = 64


@dataclass(frozen=True)
class MtebTask:
    """One mteb task, made anew by `make` for every system."""

    make: Callable[[], Any]
    info: TaskInfo

    def run(self, encoder: TaskEncoder) -> list[TaskResult]:
        """Evaluate with mteb and return one result per split and subset, outcomes included."""
        import mteb

        started = time.monotonic()
        task = self.make()
        _load(task, self.info.name)
        draws = task.rng_state.getstate() if self.info.task_type == "Clustering" else None
        with tempfile.TemporaryDirectory() as folder:
            evaluated = mteb.evaluate(
                encoder.for_mteb(),
                task,
                cache=None,
                co2_tracker=False,
                prediction_folder=folder,
                show_progress_bar=False,
                encode_kwargs={"batch_size": BATCH_SIZE, "show_progress_bar": False},
            )
            saved = json.loads((Path(folder) / task.prediction_file_name).read_text(encoding="utf-8"))
        seconds = time.monotonic() - started
        results: list[TaskResult] = []
        for split, by_subset in evaluated.task_results[0].scores.items():
            for scores in by_subset:
                subset = str(scores["hf_subset"])
                data = _data(task, split, subset)
                outcomes = _outcomes(self.info, task, data, saved[subset][split], draws)
                texts = text_hashes(_texts(self.info, task, data))
                results.append(self._result(split, subset, float(scores["main_score"]), outcomes, seconds, texts))
        return results

    def _result(
        self, split: str, subset: str, score: float, outcomes: pd.DataFrame, seconds: float, texts: Hashes
    ) -> TaskResult:
        again = score_outcomes(self.info.metric, outcomes)
        if abs(again - score) > TOLERANCE:
            raise HarnessError(
                f"{self.info.name} ({split}, {subset}): mteb says {score:.6f}, its own examples say {again:.6f}; "
                "this mteb version is not supported, install the one `harness doctor` names"
            )
        key = TaskKey(
            task=self.info.name, split=split, subset=subset, revision=self.info.revision, metric=self.info.metric
        )
        return TaskResult(
            key=key, task_type=self.info.task_type, score=score, outcomes=outcomes, seconds=seconds, texts=texts
        )


def mteb_task(name: str, *, also: Sequence[str] = ()) -> MtebTask:
    """The task of mteb's registry by `name`, English subsets only where it has several languages.

    `also` are other names that a mistyped one may have meant.
    """
    import mteb
    from mteb.get_tasks import TASK_LIST

    known = {task.metadata.name for task in TASK_LIST}
    if name not in known:
        raise HarnessError(f"no task is named {name!r}; {near_names(name, {*known, *also})}")
    return wrap(lambda: mteb.get_task(name, languages=["eng"]))


def wrap(make: Callable[[], Any]) -> MtebTask:
    """A task from anything that makes mteb task objects (mteb's registry, or this project's own classes)."""
    from mteb.abstasks.classification import AbsTaskClassification
    from mteb.abstasks.clustering import AbsTaskClustering
    from mteb.abstasks.sts import AbsTaskSTS

    task = make()
    meta = task.metadata
    if not isinstance(task, (AbsTaskSTS, AbsTaskClassification, AbsTaskClustering)):
        raise HarnessError(
            f"{meta.name} is a task of type {meta.type} ({type(task).__mro__[1].__name__}), whose examples cannot be "
            f"kept yet; supported: {', '.join(SUPPORTED)}"
        )
    metric = METRICS.get(meta.main_score)
    if metric is None or getattr(task, "is_cross_validation", False):
        raise HarnessError(f"{meta.name} is scored by {meta.main_score} over folds of its own, which is not supported")
    info = TaskInfo(
        name=meta.name,
        task_type=str(meta.type),
        metric=metric,
        revision=str(meta.revision),
        about=" ".join(meta.description.split()),
    )
    return MtebTask(make, info)


def _load(task: Any, name: str) -> None:
    """Load the task's data and mark it loaded, so that mteb leaves it in place for reading the gold."""
    from datasets.exceptions import DatasetNotFoundError

    try:
        task.load_data()
    except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
        raise HarnessError(
            f"the data of {name} could not be had ({type(error).__name__}); connect to the hub, or point "
            "HF_DATASETS_CACHE at a prepared copy and set HF_HUB_OFFLINE=1"
        ) from error


def _data(task: Any, split: str, subset: str) -> Any:
    return task.dataset.get(subset, task.dataset)[split]


def _texts(info: TaskInfo, task: Any, data: Any) -> list[str]:
    """The texts that are evaluated; a classifier's own training texts are not among them."""
    columns = task.column_names if info.metric == "spearman" else [task.input_column_name]
    return [str(text) for name in columns for text in data[name]]


def _outcomes(info: TaskInfo, task: Any, data: Any, saved: Any, draws: Any) -> pd.DataFrame:
    if info.metric == "spearman":
        return _sts(task, data, saved)
    if info.metric == "accuracy":
        return _classification(task, data, saved)
    return _clustering(task, data, saved, draws)


def _sts(task: Any, data: Any, saved: dict[str, list[float]]) -> pd.DataFrame:
    first, second = (data[name] for name in task.column_names)
    ids = _ids([f"{a}\0{b}" for a, b in zip(first, second, strict=True)])
    gold, predicted = np.asarray(data["score"], float), np.asarray(saved["cosine_scores"], float)
    return make_outcomes({"example_id": ids, "gold_score": gold, "predicted_score": predicted}, len(ids))


def _classification(task: Any, data: Any, saved: list[list[Any]]) -> pd.DataFrame:
    ids, trials = _ids(data[task.input_column_name]), len(saved)
    gold = [str(label) for label in data[task.label_column_name]]
    columns: dict[str, object] = {
        "example_id": ids * trials,
        "trial": np.repeat(np.arange(trials), len(ids)),
        "gold_label": gold * trials,
        "predicted_label": [str(label) for draw in saved for label in draw],
    }
    return make_outcomes(columns, len(ids) * trials)


def _clustering(task: Any, data: Any, saved: dict[str, list[list[int]]], draws: Any) -> pd.DataFrame:
    """Replay the draws: which documents were embedded, then which of them each trial clustered (with replacement)."""
    random = Random()
    random.setstate(draws)
    embedded = _embedded(task, len(data), random)
    ids = _ids(data[task.input_column_name])
    labels = [label if isinstance(label, list) else [label] for label in data[task.label_column_name]]
    example_ids: list[str] = []
    gold: list[str] = []
    predicted: list[str] = []
    trials: list[int] = []
    for level, assignments in enumerate(saved.values()):
        # As mteb does it: beside string labels its mark for "no label here", -1, turns into a label of its own.
        here = np.array([labels[index][level] if len(labels[index]) > level else -1 for index in embedded])
        known = [place for place, label in enumerate(here) if label != -1]
        for assignment in assignments:
            drawn = [known[at] for at in random.choices(range(len(known)), k=len(assignment))]
            trial = trials[-1] + 1 if trials else 0
            example_ids += [ids[embedded[place]] for place in drawn]
            gold += [str(here[place]) for place in drawn]
            predicted += [str(cluster) for cluster in assignment]
            trials += [trial] * len(drawn)
    columns: dict[str, object] = {
        "example_id": example_ids,
        "trial": trials,
        "gold_label": gold,
        "predicted_label": predicted,
    }
    return make_outcomes(columns, len(example_ids))


def _embedded(task: Any, n: int, random: Random) -> list[int]:
    fraction, most = task.max_fraction_of_documents_to_embed, task.max_document_to_embed
    if fraction is None and most is None:
        return list(range(n))
    k = int(fraction * n) if fraction is not None else int(most)
    return random.sample(range(n), k=min(n, k))


def _ids(texts: Sequence[str]) -> list[str]:
    """Row number and content hash: stable while the data is, and different when a text changes."""
    return [f"{row}:{hashlib.sha256(str(text).encode()).hexdigest()[:12]}" for row, text in enumerate(texts)]
