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
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError, near_names
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskKey, TaskPart, TaskResult, shorten
from harness.suites.mteb.kept import Kept
from harness.suites.mteb.kinds import type_of
from harness.suites.mteb.loading import Choice, load
from harness.suites.task import Task, TaskInfo, TaskOptions

BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class MtebTask(Task):
    """A task that mteb evaluates; `make` gives a fresh object of mteb's, and must be picklable.

    `choice` is of subsets (None: the English ones); with `parts` just those splits and subsets are measured.
    """

    name: str
    make: Callable[[], Any] = field(compare=False)
    choice: Choice | None = None
    parts: tuple[TaskPart, ...] = ()
    option = "choice"

    @cached_property
    def info(self) -> TaskInfo:
        """What mteb knows of it. Raises HarnessError where its examples cannot be kept, or no subset is left."""
        task = self._narrowed()
        meta = task.metadata
        return TaskInfo(
            name=meta.name,
            task_type=str(meta.type),
            metric=type_of(task).metric(meta.main_score) or "",
            revision=str(meta.revision),
            about=" ".join(meta.description.split()),
            parts=self.parts
            or tuple(TaskPart(meta.name, split, subset) for split in task.eval_splits for subset in task.hf_subsets),
        )

    @property
    def cost(self) -> int | None:
        """The examples of the chosen splits as mteb has counted them, of all languages; None where it has not."""
        counted = self.make().metadata.n_samples or {}
        found = [counted.get(split) for split in {part.split for part in self.info.parts}]
        return None if not found or None in found else sum(n for n in found if n)

    @property
    def data_path(self) -> str:
        """The data set of the hub."""
        return str(self.make().metadata.dataset["path"])

    def chosen(self, options: TaskOptions) -> MtebTask:
        """The task on the subsets of `options`. Raises HarnessError if it has none of them."""
        task = replace(self, choice=options.choice or self.choice)
        assert task.info
        return task

    def only(self, parts: Sequence[TaskPart]) -> MtebTask:
        """The task on `parts` alone."""
        return replace(self, parts=tuple(parts))

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Evaluate with mteb and return one result per split and subset, outcomes included."""
        if type_of(self.make()).draws:
            return [result for part in self.info.parts for result in self._evaluate([part], encoder)]
        return list(self._evaluate(self.info.parts, encoder))

    def _narrowed(self) -> Any:
        """A fresh task of mteb's on the chosen subsets."""
        task = self.make()
        type_of(task)  # before its languages: an unsupported type has none that would do
        return (self.choice or Choice()).narrow(task)

    def _evaluate(self, parts: Sequence[TaskPart], encoder: TextEncoder) -> Iterator[TaskResult]:
        import mteb

        started = time.monotonic()
        task = self._narrowed()
        task.filter_eval_splits(list(dict.fromkeys(part.split for part in parts)))
        task.hf_subsets = list(dict.fromkeys(part.subset for part in parts))
        load(task)
        draws = task.rng_state.getstate() if type_of(task).draws else None
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
        seconds = (time.monotonic() - started) / len(parts)
        for split, by_subset in evaluated.task_results[0].scores.items():
            for scores in by_subset:
                part = TaskPart(self.info.name, split, str(scores["hf_subset"]))
                kept = type_of(task).keep(
                    task, task.dataset.get(part.subset, task.dataset)[split], _predictions(saved, split, part), draws
                )
                made = _made(kept, encoder)
                yield self._result(part, kept, made=made, reported=scores, seconds=seconds)

    def _result(
        self,
        part: TaskPart,
        kept: Kept,
        *,
        made: Mapping[str, str] | None,
        reported: Mapping[str, Any],
        seconds: float,
    ) -> TaskResult:
        score = float(reported["main_score"])
        again = score_outcomes(self.info.metric, kept.outcomes)
        if abs(again - score) > TOLERANCE:
            raise HarnessError(
                f"{self.info.name} ({part.split}, {part.subset}): mteb's score is {score:.6f}, and the "
                "score of its examples is "
                f"{again:.6f}; this mteb version is not supported, install the one `harness doctor` names"
            )
        return TaskResult(
            key=TaskKey(**part._asdict(), revision=self.info.revision, metric=self.info.metric),
            task_type=self.info.task_type,
            score=score,
            outcomes=kept.outcomes,
            seconds=seconds,
            texts=text_hashes(kept.texts),
            note=kept.note,
            shown={name: _shown(texts) for name, texts in kept.asked.items()},
            made=made,
            reported=_finite(reported),
        )


def _made(kept: Kept, encoder: TextEncoder) -> dict[str, str] | None:
    """What the encoder's cure made of each example that was evaluated; None where it has no cure."""
    asked = {name: kept.asked[name] for name in dict.fromkeys(kept.outcomes["example_id"]) if name in kept.asked}
    every = list(dict.fromkeys(text for texts in asked.values() for text in texts))
    read = encoder.as_read(every)
    if read is None:
        return None
    made = dict(zip(every, read, strict=True))
    return {name: _shown([made[text] for text in texts]) for name, texts in asked.items()}


def _shown(texts: Sequence[str]) -> str:
    """The texts of an example as readers see them."""
    return shorten(" ⟷ ".join(map(shorten, texts)))


def _predictions(saved: Mapping[str, Any], split: str, part: TaskPart) -> Any:
    """What mteb saved of `part`. Of texts in many languages, which it reads at once, that is one list of many."""
    if part.subset in saved:
        return saved[part.subset][split]
    return {part.subset: saved["parallel"][split][part.subset]}


def _finite(reported: Any) -> Any:
    """The same with None for what mteb could not estimate (NaN), which JSON has no word for."""
    if isinstance(reported, Mapping):
        return {key: _finite(value) for key, value in reported.items()}
    if isinstance(reported, list):
        return [_finite(value) for value in reported]
    return None if isinstance(reported, float) and not math.isfinite(reported) else reported


def registered(name: str, *, subsets: Sequence[str] = ()) -> MtebTask:
    """The task of mteb's registry by `name`, unchecked; on `subsets`, unless others are chosen."""
    return MtebTask(name=name, make=partial(_fetch, name), choice=Choice(subsets=tuple(subsets)))


def is_registered(name: str) -> bool:
    """Whether mteb's registry has a task called `name`."""
    return name in _registry()


def mteb_task(name: str, *, also: Sequence[str] = ()) -> MtebTask:
    """The task of mteb's registry by `name`. Raises HarnessError if there is none; `also` are other names to offer."""
    known = _registry()
    if name not in known:
        raise HarnessError(f"there is no task {name!r}; {near_names(name, {*known, *also})}")
    return registered(name)


def _registry() -> set[str]:
    from mteb.get_tasks import TASK_LIST

    return {task.metadata.name for task in TASK_LIST}


def _fetch(name: str) -> Any:
    import mteb

    return mteb.get_task(name)
