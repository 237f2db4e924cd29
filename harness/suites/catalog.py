"""Suites and tasks by name. Naming is cheap; making a task imports what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError, near_names
from harness.suites.task import Task, TaskInfo

if TYPE_CHECKING:
    from harness.suites.mteb.loading import Choice
    from harness.suites.retention.text import RetentionText
    from harness.suites.words.data.folder import WordData


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of tasks.

    `baseline` is the name of a reference encoder and what makes it from a base's folder; it is scored beside the
    variants.
    """

    name: str
    about: str
    tasks: tuple[str, ...]
    baseline: tuple[str, Callable[[Path], TextEncoder]] | None = None


def suites() -> dict[str, Suite]:
    """All suites by name."""
    from harness.suites import mini, retention, words
    from harness.suites.mteb import english

    embedded = Suite(
        name="mini",
        about="the embedded default: generated English, labels true by construction, held-out topics and words",
        tasks=mini.task_names(),
        baseline=("bag-of-words", _bag_of_words),
    )
    kept = Suite(
        name="retention",
        about="what the training cost the language model: bits per byte, perplexity, repetition, under the causal mask",
        tasks=retention.task_names(),
    )
    probing = Suite(
        name="words",
        about="word-level probes of Feng et al. 2025 with controls, WiC, word similarity; data by `harness data fetch`",
        tasks=words.task_names(),
    )
    study = Suite(
        name="feng2025",
        about="the same data by the protocol of Feng et al. 2025, to set beside its figures (`harness reproduce`)",
        tasks=words.paper_names(),
    )
    published = [Suite(name=name, about=about, tasks=tasks) for name, about, tasks in english.SUITES]
    return {suite.name: suite for suite in (embedded, kept, probing, study, *published)}


def get_suite(name: str) -> Suite:
    known = suites()
    if name not in known:
        raise HarnessError(f"no suite is named {name!r}; {near_names(name, known)}")
    return known[name]


def choose_suite(suite: str, tasks: Sequence[str]) -> Suite:
    """The suite called `suite`; or, if `tasks` are named, just those: tasks of the suite first, else mteb's own.

    A choice within a suite keeps its name and its baseline. Raises HarnessError for no task at all.
    """
    whole = get_suite(suite)
    chosen = tuple(dict.fromkeys(name.strip() for name in tasks if name.strip()))
    if not tasks:
        chosen = whole.tasks
    if not chosen:
        raise HarnessError("no task is named; give --tasks NAME,NAME or leave it out to run the whole suite")
    if set(chosen) <= set(whole.tasks):
        return Suite(name=whole.name, about=whole.about, tasks=chosen, baseline=whole.baseline)
    return Suite(name="tasks", about="tasks named on the command line", tasks=chosen)


def is_mteb(name: str) -> bool:
    """Whether a task of this name, known or not, would be one of mteb's."""
    return name not in _own_names()


def _own_names() -> tuple[str, ...]:
    from harness.suites import mini, retention, words

    return (*mini.task_names(), *retention.task_names(), *words.task_names(), *words.paper_names())


def task_info(name: str, *, text: RetentionText | None = None, choice: Choice | None = None) -> TaskInfo:
    """Name, type, metric and revision of a task: cheap for the embedded ones, an import of mteb for the others.

    `text` is what a task of the retention suite is measured on; without it, the mini language. `choice` picks among
    the subsets of mteb's tasks; without it, the English ones.
    """
    from harness.suites import mini, retention, words

    if name in words.task_names():
        from harness.suites.words.tasks import word_task_info

        return word_task_info(words.task_entry(name))
    if name in words.paper_names():
        from harness.suites.words.paper import paper_task_info

        return paper_task_info(words.paper_entry(name))
    if name in retention.task_names():
        from harness.suites.retention.text import MINI, open_text

        part = retention.task_entry(name)
        return TaskInfo(
            name=part.name,
            task_type=retention.TASK_TYPE,
            metric=part.metric,
            revision=(text or open_text(MINI)).revision,
            about=part.about,
        )

    if name in mini.task_names():
        entry = mini.task_entry(name)
        return TaskInfo(
            name=entry.name,
            task_type=entry.task_type,
            metric=entry.metric,
            revision=mini.task_revision(),
            about=entry.about,
        )
    return make_task(name, choice=choice).info


def make_task(
    name: str, *, text: RetentionText | None = None, words: WordData | None = None, choice: Choice | None = None
) -> Task:
    """A task ready to run; `text` and `choice` as for task_info, `words` the words suite's data (None: as fetched)."""
    from harness.suites import mini, retention
    from harness.suites import words as probing

    if name in probing.task_names():
        from harness.suites.words.data.folder import open_word_data
        from harness.suites.words.tasks import WordTask

        entry = probing.task_entry(name)
        task_of_words: Task = WordTask(entry, words or open_word_data(None, [entry.data]))
        return task_of_words
    if name in probing.paper_names():
        from harness.suites.words.data.folder import open_word_data
        from harness.suites.words.paper import PaperTask

        figure = probing.paper_entry(name)
        task_of_paper: Task = PaperTask(figure, words or open_word_data(None, [figure.data]))
        return task_of_paper
    if name in retention.task_names():
        from harness.suites.retention.tasks import RetentionTask
        from harness.suites.retention.text import MINI, open_text

        return RetentionTask(retention.task_entry(name), text or open_text(MINI))
    from harness.suites.mteb import mteb_task, wrap

    if name not in mini.task_names():
        return mteb_task(name, choice, also=_own_names())
    if mini.task_entry(name).is_word_task:
        task: Task = mini.make_task(name)
        return task
    return wrap(lambda: mini.make_task(name))


def data_path(name: str) -> str:
    """Where the data of task `name` come from: the hub's data set for mteb's tasks, the task itself for any other."""
    from harness.suites import mini, words

    entries = {entry.name: entry.data for entry in words.TASKS} | {e.name: e.data for e in words.PAPER_TASKS}
    if name in entries:
        from harness.suites.words.data.sources import get_data_set

        return get_data_set(entries[name]).files[0].repository
    if name in mini.task_names():
        return f"harness/mini/{name}"
    from mteb.get_tasks import TASK_LIST

    paths = (str(task.metadata.dataset["path"]) for task in TASK_LIST if task.metadata.name == name)
    return next(paths, name)


def _bag_of_words(folder: Path) -> TextEncoder:
    from harness.suites.mini.baseline import BagOfWords

    return BagOfWords(folder)
