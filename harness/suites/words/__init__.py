"""The words suite: what an encoder's word vectors tell of words and their context (Feng et al. 2025), with controls.

A word-level data set is a module of harness.suites.words.data that exports DATA_SETS and TASKS, and its line in `SETS`.
This module is cheap: it names the tasks and reads no data and no torch until one runs.
"""

from __future__ import annotations

from harness.errors import HarnessError, near_names
from harness.suites.task import Suite
from harness.suites.words.data import aspect, context, norms, similarity, wic
from harness.suites.words.data.sources import DataSet
from harness.suites.words.probe import WordProbe

SETS = (context, aspect, norms, wic, similarity)
DATA_SETS: tuple[DataSet, ...] = tuple(data for module in SETS for data in module.DATA_SETS)
TASKS: tuple[WordProbe, ...] = (
    *(task for module in SETS for task in module.TASKS),
    WordProbe(
        name="WordGeometry",
        task_type="Geometry",
        metric="cosine",
        about="mean cosine of unrelated words and of words of one sentence, by layer; a diagnostic, not a score",
        data=wic.WIC,
    ),
)
SUITE = Suite(
    name="words",
    about="word-level probes of Feng et al. 2025 with controls, WiC, word similarity; data by `harness data fetch`",
    tasks=TASKS,
)
SUITES = (SUITE,)


def get_data_set(name: str) -> DataSet:
    """The word-level data set called `name`. Raises HarnessError if there is none."""
    known = {data.name: data for data in DATA_SETS}
    if name not in known:
        raise HarnessError(f"there is no word-level data set {name!r}; {near_names(name, known)}")
    return known[name]


def all_positions(data: DataSet) -> tuple[int, ...]:
    """The positions that some task of the suite on the data set reads."""
    return tuple(sorted({position for task in TASKS if task.data == data for position in task.positions}))
