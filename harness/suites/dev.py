"""Dev pairs, by which a card may choose the layer that it reads: of similarity tasks, and never a pair of the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.suites.mini import DRAWS, TASKS
from harness.suites.mteb import mteb_task
from harness.suites.mteb.loading import load

_SPLITS = ("validation", "dev")


@dataclass(frozen=True, kw_only=True, eq=False)
class DevPairs:
    """N pairs of texts of `split` of `task`, and their similarities `gold`, (N,)."""

    task: str
    split: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    gold: NDArray[np.float64]


def check_dev_task(name: str) -> None:
    """Raise HarnessError if there is no similarity task `name`. Whether it has a dev split is known when it is read."""
    if name not in _MINI:
        mteb_task(name, also=tuple(_MINI))


def dev_pairs(name: str) -> DevPairs:
    """The dev pairs of the similarity task `name`: the dev draw of one of mini, the dev split of one of mteb.

    Pairs that stand in the test too, in whatever order, are left out. Raises HarnessError for a task without a dev
    split, of another type, or whose data are not there.
    """
    check_dev_task(name)
    if name in _MINI:
        dev, test = (_MINI[name].drawn(draw).make() for draw in DRAWS)
        for task in (dev, test):
            task.load_data()
        return _of(name, "dev draw", *(task.dataset["default"]["test"] for task in (dev, test)))
    from mteb import get_task

    task = get_task(name)
    if task.metadata.type != "STS":
        raise HarnessError(
            f"a layer is chosen by the similarities of pairs, and {name} is of type {task.metadata.type}; name a "
            "similarity task, STSBenchmark for example"
        )
    load(task)
    split = next((each for each in _SPLITS if each in task.dataset), None)
    if split is None:
        raise HarnessError(f"{name} has no dev split to choose a layer by; name another task, STSBenchmark for example")
    return _of(name, f"{split} split", task.dataset[split], task.dataset["test"])


_MINI = {task.name: task for task in TASKS if task.task_type == "STS"}


def _of(task: str, split: str, rows: Any, test: Any) -> DevPairs:
    tested = set(map(frozenset, zip(test["sentence1"], test["sentence2"], strict=True)))
    every = zip(rows["sentence1"], rows["sentence2"], rows["score"], strict=True)
    first, second, gold = zip(*(row for row in every if frozenset(row[:2]) not in tested), strict=True)
    return DevPairs(task=task, split=split, first=first, second=second, gold=np.array(gold, dtype=np.float64))
