"""One mteb task, run by mteb itself, kept to the last example.

mteb saves predictions but neither gold labels nor which documents a clustering draw took: they are read from the task's
own data, and draws are replayed. Each call takes a fresh task object, and where evaluating takes random draws a fresh
one for every split and subset: a clustering task draws anew every time it is used, so that otherwise the draws would
depend on what was evaluated before. The stored score is recomputed from the rows and must equal mteb's `main_score`
(harness.metrics.TOLERANCE).
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError, near_names
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey, TaskResult
from harness.suites.mteb.english import SUBSETS
from harness.suites.mteb.finite import Finite
from harness.suites.mteb.kept import Visit
from harness.suites.mteb.kinds import Kind, kind_of
from harness.suites.mteb.loading import Choice, load
from harness.suites.task import TaskInfo

BATCH_SIZE = 64


@dataclass(frozen=True)
class MtebTask:
    """One mteb task, made anew by `make` for every system."""

    make: Callable[[], Any]
    kind: Kind
    info: TaskInfo

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Evaluate with mteb and return one result per split and subset, outcomes included."""
        if self.kind.draws:
            return [result for part in self.info.parts for result in self._evaluate([part], encoder)]
        return list(self._evaluate(self.info.parts, encoder))

    def _evaluate(self, parts: Sequence[tuple[str, str]], encoder: TextEncoder) -> Iterator[TaskResult]:
        import mteb

        started = time.monotonic()
        task = self.make()
        task.filter_eval_splits(list(dict.fromkeys(split for split, _ in parts)))
        task.hf_subsets = list(dict.fromkeys(subset for _, subset in parts))
        load(task)
        draws = task.rng_state.getstate() if self.kind.draws else None
        with tempfile.TemporaryDirectory() as folder:
            evaluated = mteb.evaluate(
                Finite(encoder.for_mteb(), self.info.name),
                task,
                cache=None,
                co2_tracker=False,
                prediction_folder=folder,
                show_progress_bar=False,
                encode_kwargs={"batch_size": BATCH_SIZE, "show_progress_bar": False},
            )
            saved = json.loads((Path(folder) / task.prediction_file_name).read_text(encoding="utf-8"))
        seconds = (time.monotonic() - started) / len(parts)
        for split, by_subset in evaluated.task_results[0].scores.items():
            for scores in by_subset:
                visit = Visit(split=split, subset=str(scores["hf_subset"]), draws=draws)
                predictions = saved[visit.subset][split]
                yield self._result(task, visit, predictions, reported=scores, seconds=seconds)

    def _result(
        self, task: Any, visit: Visit, saved: Any, *, reported: Mapping[str, Any], seconds: float
    ) -> TaskResult:
        score = float(reported["main_score"])
        data = task.dataset.get(visit.subset, task.dataset)[visit.split]
        kept = self.kind.keep(task, data, saved, visit)
        again = score_outcomes(self.info.metric, kept.outcomes)
        if abs(again - score) > TOLERANCE:
            raise HarnessError(
                f"{self.info.name} ({visit.split}, {visit.subset}): mteb says {score:.6f}, its own examples say "
                f"{again:.6f}; this mteb version is not supported, install the one `harness doctor` names"
            )
        return TaskResult(
            key=TaskKey(
                task=self.info.name,
                split=visit.split,
                subset=visit.subset,
                revision=self.info.revision,
                metric=self.info.metric,
            ),
            task_type=self.info.task_type,
            score=score,
            outcomes=kept.outcomes,
            seconds=seconds,
            texts=text_hashes(kept.texts),
            note=kept.note,
            shown=kept.shown,
            reported=_finite(reported),
        )


def _finite(reported: Any) -> Any:
    """The same with None for what mteb could not estimate (NaN), which JSON has no word for."""
    if isinstance(reported, Mapping):
        return {key: _finite(value) for key, value in reported.items()}
    if isinstance(reported, list):
        return [_finite(value) for value in reported]
    return None if isinstance(reported, float) and not math.isfinite(reported) else reported


def mteb_task(name: str, choice: Choice | None = None, *, also: Sequence[str] = ()) -> MtebTask:
    """The task of mteb's registry by `name`, on the subsets of `choice` (None: those of mteb's English benchmarks).

    `also` are other names that a mistyped one may have meant.
    """
    import mteb
    from mteb.get_tasks import TASK_LIST

    known = {task.metadata.name for task in TASK_LIST}
    if name not in known:
        raise HarnessError(f"no task is named {name!r}; {near_names(name, {*known, *also})}")
    kind_of(mteb.get_task(name))  # before its languages: an unsupported type has none that would do
    chosen = choice or Choice(subsets=SUBSETS.get(name, ()))
    return wrap(lambda: chosen.narrow(mteb.get_task(name)))


def wrap(make: Callable[[], Any]) -> MtebTask:
    """A task from anything that makes mteb task objects (mteb's registry, or this project's own classes)."""
    task = make()
    kind, meta = kind_of(task), task.metadata
    metric = kind.metric(meta.main_score)
    assert metric is not None, "kind_of refuses what has none"
    info = TaskInfo(
        name=meta.name,
        task_type=str(meta.type),
        metric=metric,
        revision=str(meta.revision),
        about=" ".join(meta.description.split()),
        parts=tuple((split, subset) for split in task.eval_splits for subset in task.hf_subsets),
    )
    return MtebTask(make, kind, info)
