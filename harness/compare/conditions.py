"""In which dtype and on which device results were measured, and what to say where two were not measured alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from harness.compare.one_task import Name, NamePair
from harness.outcomes import TaskPart

NOT_RECORDED = "not recorded"  # the dtype of outcomes that were made elsewhere
Conditions = Mapping[tuple[Name, TaskPart], Collection[str]]  # entry and task: such as `bfloat16 on cuda`, sorted


def conditions_of(rows: pd.DataFrame, entry_of: Mapping[str, Name]) -> Conditions:
    """Return the conditions of `rows` of Store.scores; `entry_of` gives the entry of each system.

    Outcomes that were made elsewhere have none.
    """
    found: dict[tuple[Name, TaskPart], set[str]] = {}
    for row in rows.to_dict("records"):
        if row["system_id"] in entry_of and row["dtype"] != NOT_RECORDED:
            key = (entry_of[row["system_id"]], TaskPart.of(row))
            found.setdefault(key, set()).add(f"{row['dtype']} on {row['device']}")
    return {key: sorted(conditions) for key, conditions in found.items()}


def unlike(pair: NamePair, conditions: Conditions) -> str:
    """Return a sentence if the two were measured in other conditions on a task that both have; else an empty one."""
    first, second = pair
    shared = [task for name, task in conditions if name == first and (second, task) in conditions]
    apart = [task for task in shared if conditions[first, task] != conditions[second, task]]
    if not apart:
        return ""
    ours, theirs = (" and ".join(sorted({each for task in apart for each in conditions[name, task]})) for name in pair)
    return (
        f"{first[1]} was measured in {ours}, {second[1]} in {theirs} (on {len(apart)} of {len(shared)} tasks); that "
        "alone can move a score, so measure both with one --dtype and --device."
    )


def mixed(names: Collection[Name], conditions: Conditions) -> str:
    """Return a sentence if not all of `names` were measured in the same condition; else an empty one."""
    by_condition: dict[str, set[str]] = {}
    for (name, _), found in conditions.items():
        for each in found if name in names else ():
            by_condition.setdefault(each, set()).add(name[1])
    if len(by_condition) < 2:
        return ""
    said = "; ".join(f"{each}: {', '.join(sorted(who))}" for each, who in sorted(by_condition.items()))
    return f"Not all were measured alike, which alone can move a score. {said}."
