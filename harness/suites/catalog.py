"""Suites and tasks by name. Naming is cheap: what a task needs is imported when it runs.

A suite is a module that exports `SUITES`; a new one is that module and its line in `MODULES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationError

from harness.errors import HarnessError, near_names
from harness.front_matter import first_mistake, read_yaml
from harness.metrics import get_metric
from harness.recipes import Strict
from harness.suites import distractor, layers, mini, repetition, retention, words
from harness.suites.by_layer import LayeredTask
from harness.suites.mteb import english, is_registered, mteb_task
from harness.suites.own import card_names, card_task
from harness.suites.task import Suite, Task, TaskOptions
from harness.suites.words import feng2025

CARD = "card:"  # before the name or the file of a task card
MODULES = (mini, retention, words, feng2025, layers, repetition, distractor, english)


class SuiteList(Strict):
    """A suite as a file: names of tasks, those of cards with card: before them.

    `margins` are losses that the regression gate lets pass, by metric and in its unit (points), where a metric's own is
    not declared or should differ.
    """

    about: str = "a list of tasks in suites/"
    tasks: tuple[str, ...] = Field(min_length=1)
    margins: dict[str, float] = Field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> SuiteList:
        """The list in a YAML file. Raises HarnessError for one that is none, or that names a task twice."""
        try:
            found = read_yaml(path.read_text("utf-8-sig"), where=str(path))
            made = cls.model_validate(found if isinstance(found, dict) else {"tasks": found})
        except (OSError, UnicodeDecodeError):
            raise HarnessError(f"{path} cannot be read as UTF-8 text; check the file") from None
        except ValidationError as error:
            raise HarnessError(f"{path}: {first_mistake(error, cls.model_fields)}") from None
        for metric, margin in made.margins.items():
            get_metric(metric)
            if not margin > 0:
                raise HarnessError(f"{path}: the margin of {metric} has to be a number above 0, not {margin!r}")
        twice = [name for name in made.tasks if made.tasks.count(name) > 1]
        if twice:
            raise HarnessError(f"{path} names the task {twice[0]} twice; take one of them out")
        return made


def suites() -> dict[str, Suite[Task]]:
    """All suites by name."""
    return {suite.name: suite for module in MODULES for suite in module.SUITES}


def layered_tasks() -> tuple[LayeredTask, ...]:
    """The tasks that are shown by layer, each by a command and a page of its own."""
    return tuple(task for suite in suites().values() for task in suite.tasks if isinstance(task, LayeredTask))


def get_suite(name: str) -> Suite[Task]:
    """The suite called `name`: of this project, else the list suites/NAME.yaml here. HarnessError if there is none."""
    known = suites()
    if name in known:
        return known[name]
    here = suite_lists()
    if name not in here:
        raise HarnessError(f"there is no suite {name!r}; {near_names(name, {*known, *here})}")
    return Suite(name=name, about=here[name].about, tasks=tuple(map(get_task, here[name].tasks)))


def get_task(name: str) -> Task:
    """The task called `name`: of a suite, else of mteb's registry; of a card with card:NAME, card:FILE.md or FILE.md.

    Raises HarnessError if there is none, and for a card that is called as another task is.
    """
    listed = {task.name: task for suite in suites().values() for task in suite.tasks}
    if name.startswith(CARD) or name.endswith(".md"):
        made = card_task(name.removeprefix(CARD))
        if made.name in listed or is_registered(made.name):
            raise HarnessError(f"the task card {made.name} is called as a task of this project or of mteb; rename it")
        return made
    if name in card_names() and name not in listed:
        return get_task(f"{CARD}{name}")
    return listed[name] if name in listed else mteb_task(name, also=tuple(listed))


def suite_lists() -> dict[str, SuiteList]:
    """The suites of a user's own by name: lists of tasks in suites/NAME.yaml of the working directory."""
    return {path.stem: SuiteList.read(path) for path in sorted(Path.cwd().glob("suites/*.yaml"))}


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
    made = tuple(map(get_task, wanted))
    names = [task.name for task in made]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise HarnessError(f"two of the tasks are called {twice[0]!r}; rename one of their cards")
    return Suite(name="tasks", about="tasks named on the command line", tasks=made)


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
