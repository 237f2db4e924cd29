"""Suites and tasks by name. Naming is cheap: what a task needs is imported when it runs.

A suite is a module that exports `SUITES`; a new one is that module and its line in `MODULES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import HarnessError, near_names
from harness.suites import mini, retention, words
from harness.suites.mteb import english, mteb_task
from harness.suites.task import Suite, Task, TaskOptions
from harness.suites.words import feng2025

MODULES = (mini, retention, words, feng2025, english)


def suites() -> dict[str, Suite[Task]]:
    """All suites by name."""
    return {suite.name: suite for module in MODULES for suite in module.SUITES}


def get_suite(name: str) -> Suite[Task]:
    """The suite called `name`. Raises HarnessError if there is none."""
    known = suites()
    if name not in known:
        raise HarnessError(f"there is no suite {name!r}; {near_names(name, known)}")
    return known[name]


def get_task(name: str) -> Task:
    """The task called `name`: of a suite, else of mteb's registry. Raises HarnessError if there is none."""
    listed = {task.name: task for suite in suites().values() for task in suite.tasks}
    return listed[name] if name in listed else mteb_task(name, also=tuple(listed))


def choose_suite(suite: str, tasks: Sequence[str]) -> Suite[Task]:
    """The suite called `suite`; or, if `tasks` are named, just those: tasks of the suite first, else any others.

    A choice within a suite keeps its name and its floor. Raises HarnessError for an unknown task, and for no task at
    all.
    """
    whole = get_suite(suite)
    wanted = tuple(dict.fromkeys(name.strip() for name in tasks if name.strip()))
    if not tasks:
        return whole
    if not wanted:
        raise HarnessError("--tasks names no task; give --tasks NAME,NAME, or leave it out to run the whole suite")
    if set(wanted) <= set(whole.names):
        return replace(whole, tasks=tuple(whole.task(name) for name in wanted))
    return Suite(name="tasks", about="tasks named on the command line", tasks=tuple(map(get_task, wanted)))


def open_tasks(tasks: Sequence[Task], options: TaskOptions) -> list[Task]:
    """`tasks` as `options` want them, ready to run.

    Raises HarnessError for an option that none of them takes, and for data that are missing or changed.
    """
    taken = {task.option for task in tasks}
    if options.choice and "choice" not in taken:
        raise HarnessError(
            "--languages and --subsets apply to mteb tasks only, and no mteb task was given; leave them out"
        )
    if options.data_dir is not None and "data_dir" not in taken:
        raise HarnessError(
            f"--data-dir {options.data_dir} is for the words suite, and none of its tasks was given; add --suite words"
        )
    return [task.chosen(options) for task in tasks]
