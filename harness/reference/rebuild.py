"""References back into a store: a fresh clone can look at them, and measure its own variants beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import TaskResult
from harness.reference.answers import unpack
from harness.reference.files import Reference
from harness.store import Store


def rebuild(
    store: Store, references: Sequence[Reference], questions: Mapping[str, pd.DataFrame], *, note: Callable[[str], None]
) -> int:
    """Put `references` into `store`, answers joined with `questions` (hash -> outcomes); return how many results.

    Raises HarnessError, with nothing stored of that system, if the suite no longer asks what was answered, or a
    score is not that of its answers.
    """
    done = 0
    for reference in references:
        results = []
        for kept in reference.results:
            who, asked = f"{reference.name}, {kept.key.task}", questions.get(kept.answers.asked)
            if asked is None:
                raise HarnessError(
                    f"{who}: the examples differ from those of the golden results; the suite has changed since; renew "
                    "the golden results with `harness regress --update`"
                )
            outcomes = unpack(kept.answers, asked, metric=kept.key.metric)
            score = score_outcomes(kept.key.metric, outcomes)
            if not abs(score - kept.score) <= TOLERANCE:
                raise HarnessError(
                    f"{who}: its answers give {score:.7g}, and not the score {kept.score:.7g} beside them"
                )
            results.append(
                TaskResult(key=kept.key, task_type=kept.task_type, score=score, outcomes=outcomes, seconds=kept.seconds)
            )
        note(f"{reference.name}: {len(results)} results")
        store.add_system(reference.system)
        store.add_stages(reference.stages)
        store.add_overlaps(reference.overlaps)
        for run in reference.runs:
            store.add_run(run)
        for kept, result in zip(reference.results, results, strict=True):
            store.add_result(reference.runs[kept.run].run_id, result)
        done += len(results)
    return done
