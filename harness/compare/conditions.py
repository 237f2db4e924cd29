"""In which dtype and on which device results were measured, and what to say where two were not measured alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from harness.compare.entries import Entry, current_entries, find_base, find_entry
from harness.compare.one_task import Name, NamePair
from harness.errors import HarnessError, near_names
from harness.outcomes import TaskPart
from harness.store import Store

NOT_RECORDED = "not recorded"  # the dtype of outcomes that were made elsewhere
Conditions = Mapping[tuple[Name, TaskPart], Collection[str]]  # entry and task: such as `bfloat16 on cuda`, sorted

Pair = tuple[Entry, Entry]


def check_measured(store: Store, *, dtype: str | None, device: str | None) -> None:
    """Raise HarnessError if nothing was measured in `dtype` or on `device` (None: any)."""
    for column, wanted in (("dtype", dtype), ("device", device)):
        if wanted is not None and wanted not in (known := set(store.scores(current=False)[column])):
            raise HarnessError(f"the database has no results of {column} {wanted!r}; {near_names(wanted, known)}")


def measured_besides(everything: pd.DataFrame) -> pd.DataFrame:
    """Return those of all results (Store.scores) that do not count only because their dtype or device is another one.

    Of results in one dtype and on one device the newest is among them.
    """
    key = ["system_id", "task", "split", "subset"]
    newest = everything.sort_values("result").drop_duplicates([*key, "dtype", "device"], keep="last")
    counted = pd.MultiIndex.from_frame(everything[everything["current"]][[*key, "dtype", "device"]])
    return newest[~pd.MultiIndex.from_frame(newest[[*key, "dtype", "device"]]).isin(counted)]


def pair_scores(
    store: Store,
    *,
    base: str,
    variants: Sequence[str],
    against: str,
    against_base: str | None = None,
    dtype: str | None = None,
    device: str | None = None,
) -> tuple[pd.DataFrame, list[Entry], list[Pair]]:
    """Return scores, all entries, and the pairs of each of `variants` with `against`.

    The scores are those of `dtype` and `device` where a system has them. If neither is given and the two of a pair were
    measured alike in some condition, but not in the one that is shared by the systems of the base, they are of that.
    """
    scores = store.scores(dtype=dtype, device=device)
    entries = current_entries(store, scores=scores)
    base = find_base(entries, base)
    second = find_entry(entries, base=against_base or base, variant=against)
    pairs = [(find_entry(entries, base=base, variant=name), second) for name in variants]
    if dtype is None and device is None and (better := _more_alike(store, pairs, scores)):
        scores = store.scores(dtype=better[0], device=better[1])
    return scores, entries, pairs


def _more_alike(store: Store, pairs: Sequence[Pair], scores: pd.DataFrame) -> tuple[str, str] | None:
    """Return dtype and device in which `pairs` have more tasks alike than in `scores`; None if in none."""
    entry_of = {system.system_id: entry.name for pair in pairs for entry in pair for system in entry.systems}
    names = [(a.name, b.name) for a, b in pairs]

    def alike(rows: pd.DataFrame) -> int:
        found = conditions_of(rows, entry_of)
        return sum(found[a, task] == found.get((b, task)) for a, b in names for name, task in found if name == a)

    if not any(unlike(pair, conditions_of(scores, entry_of)) for pair in names):
        return None
    every = store.scores(current=False)
    every = every[every["system_id"].isin(entry_of) & (every["dtype"] != NOT_RECORDED)]
    tried = {(str(d), str(v)): alike(rows) for (d, v), rows in every.groupby(["dtype", "device"], sort=True)}
    most = max(tried, key=lambda each: tried[each], default=None)
    return most if most and tried[most] > alike(scores) else None


def conditions_of(rows: pd.DataFrame, entry_of: Mapping[str, Name]) -> Conditions:
    """Return the conditions of `rows` of Store.scores; `entry_of` gives the entry of each system.

    Outcomes that were made elsewhere have none.
    """
    found: dict[tuple[Name, TaskPart], set[str]] = {}
    for row in rows.to_dict("records"):
        if row["system_id"] in entry_of and row.get("dtype", NOT_RECORDED) != NOT_RECORDED:
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


def in_one(said: Mapping[NamePair, str], conditions: Conditions) -> tuple[str, ...]:
    """Return what is `said` of pairs (`unlike`) in one sentence, however many were not measured alike."""
    apart = [pair for pair, sentence in said.items() if sentence]
    if len(apart) < 2:
        return tuple(said[pair] for pair in apart)
    return (mixed({name for pair in apart for name in pair}, conditions),)


def mixed(names: Collection[Name], conditions: Conditions) -> str:
    """Return a sentence if not all of `names` were measured in the same condition on each task; else an empty one."""
    several = len({base for base, _ in names if base}) > 1  # a reference model has none
    by_task: dict[TaskPart, dict[str, set[str]]] = {}
    for (name, task), found in conditions.items():
        who = f"{name[1]} on {name[0]}" if several and name[0] else name[1]
        for each in found if name in names else ():
            by_task.setdefault(task, {}).setdefault(each, set()).add(who)
    apart: dict[str, set[str]] = {}
    for by_condition in by_task.values():
        for each, those in by_condition.items() if len(by_condition) > 1 else ():
            apart.setdefault(each, set()).update(those)
    if not apart:
        return ""
    said = "; ".join(f"{each}: {', '.join(sorted(those))}" for each, those in sorted(apart.items()))
    return f"Not all were measured alike, which alone can move a score. {said}."
