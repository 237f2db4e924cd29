"""What was measured now beside the reference: the same task, revision, metric, protocol and examples, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from harness.errors import HarnessError, near_names
from harness.gate.judge import Remeasured
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskPart
from harness.reference.answers import asked_hash, pack, unpack
from harness.reference.files import Reference, ReferenceResult
from harness.store import Store
from harness.suites.task import TaskInfo

_RENEW = "renew the golden results with `harness regress --update`"


def find_references(references: Sequence[Reference], variants: Iterable[str]) -> list[Reference]:
    """Return the references of `variants`, all seeds; raise HarnessError for one that has none."""
    known = {reference.system.variant for reference in references}
    if not known:
        raise HarnessError("there are no golden results; make them with `harness regress --update`")
    for name in variants:
        if name not in known:
            raise HarnessError(
                f"{name} has no golden results ({near_names(name, known)}); add them with "
                f"`harness regress --update --variant {name}`"
            )
    order = list(dict.fromkeys(variants))
    chosen = [each for each in references if each.system.variant in order]
    return sorted(chosen, key=lambda each: order.index(each.system.variant))


def check_references(references: Sequence[Reference], infos: Sequence[TaskInfo], *, evaluation: str) -> None:
    """Raise HarnessError where `references` were not asked what the suite asks now; costs no model."""
    for reference in references:
        who = reference.system.variant
        if reference.run.evaluation != evaluation:
            raise HarnessError(
                f"the golden results of {who} were measured by version {reference.run.evaluation} of the "
                "evaluation, and this is version "
                f"{evaluation}; {_RENEW}"
            )
        kept = {result.key.task: result.key for result in reference.results}
        for info in infos:
            if info.name not in kept:
                raise HarnessError(f"{info.name} has no golden result of {who}; {_RENEW}")
            key = kept[info.name]
            if (key.revision, key.metric) != (info.revision, info.metric):
                raise HarnessError(
                    f"the golden result of {who} on {info.name} is of revision {key.revision} "
                    f"({key.metric}), the task is "
                    f"now {info.revision} ({info.metric}); {_RENEW}"
                )


def pair_store(store: Store, references: Sequence[Reference], tasks: Iterable[str]) -> list[Remeasured]:
    """Pair the newest results in `store` with `references`, reference by reference, task by task.

    Raises HarnessError for a result that the store lacks and for other examples than the reference's.
    """
    scores = store.scores()
    chosen = set(tasks)
    systems = store.systems()
    pairs = []
    several = [each.system.variant for each in references]
    for reference in references:
        made_by = reference.system
        label = made_by.variant if several.count(made_by.variant) == 1 else f"{made_by.variant}, seed {made_by.seed}"
        # The same recipe may have another address by now (a renamed title is none, a changed stage is): what
        # counts is what the variant is today.
        mine = [s for s in systems if (s.base, s.variant, s.seed) == (made_by.base, made_by.variant, made_by.seed)]
        rows = scores[scores["system_id"].isin([s.system_id for s in mine])].sort_values("result")
        for kept in reference.results:
            if kept.key.task not in chosen:
                continue
            found = rows[(rows[list(TaskPart._fields)] == kept.key.part).all(axis=1)]
            if found.empty:
                raise HarnessError(f"{store.path} lacks {kept.key.task} of {made_by.variant}; measure it first")
            row = found.iloc[-1]
            if (row["revision"], row["metric"]) != (kept.key.revision, kept.key.metric):
                raise HarnessError(
                    f"{kept.key.task} of {made_by.variant} in {store.path} is of revision {row['revision']}, the "
                    f"golden result of {kept.key.revision}; {_RENEW}"
                )
            now = store.outcomes(results=[row["result"]]).drop(columns="result")
            pairs.append(_pair(label, kept, now))
    return pairs


def pair_results(label: str, reference: Reference, results: Iterable[tuple[TaskKey, pd.DataFrame]]) -> list[Remeasured]:
    """Pair `results` that are in no store with `reference`, under the name `label`."""
    kept = {result.key: result for result in reference.results}
    pairs = []
    for key, outcomes in results:
        if key not in kept:
            raise HarnessError(f"{key.task} has no golden result of {reference.system.variant}; {_RENEW}")
        pairs.append(_pair(label, kept[key], outcomes))
    return pairs


def _pair(row: str, kept: ReferenceResult, now: pd.DataFrame) -> Remeasured:
    if asked_hash(now) != kept.answers.asked:
        raise HarnessError(
            f"{kept.key.task}: {row} has other examples, units or gold answers than the golden results, under the "
            f"same revision; {_RENEW}"
        )
    metric = kept.key.metric
    # Both sides go through the same text, so that a score's last digits are no difference.
    rounded = unpack(pack(now, metric=metric), now, metric=metric)
    return Remeasured(
        row=row,
        key=kept.key,
        now=rounded,
        reference=unpack(kept.answers, now, metric=metric),
        score_now=score_outcomes(metric, rounded),
        score_reference=kept.score,
    )
