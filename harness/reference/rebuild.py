"""References back into a store: a fresh clone can look at them, and measure its own variants beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskResult
from harness.reference.answers import unpack
from harness.reference.files import Reference
from harness.store import Store

Questions = Mapping[str, pd.DataFrame]  # task -> outcomes of any system on it


def rebuild(store: Store, references: Sequence[Reference], questions: Questions, *, note: Callable[[str], None]) -> int:
    """Put `references` into `store`, answers joined with the `questions` of their tasks; return how many results.

    Raises HarnessError, with nothing stored of that system, if the suite no longer asks what was answered.
    """
    done = 0
    for reference in references:
        results = []
        for kept in reference.results:
            try:
                outcomes = unpack(kept.answers, questions[kept.key.task], metric=kept.key.metric)
            except (HarnessError, KeyError) as error:
                raise HarnessError(
                    f"{reference.system.variant}, {kept.key.task}: {error}; the suite has changed since; renew the "
                    "golden results with `harness regress --update`"
                ) from None
            score = score_outcomes(kept.key.metric, outcomes)
            results.append(
                TaskResult(key=kept.key, task_type=kept.task_type, score=score, outcomes=outcomes, seconds=kept.seconds)
            )
        note(f"{reference.system.variant}: {len(results)} results")
        store.add_system(reference.system)
        store.add_run(reference.run)
        for result in results:
            store.add_result(reference.run.run_id, result)
        done += len(results)
    return done
