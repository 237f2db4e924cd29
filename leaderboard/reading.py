"""All outcomes are read once, task by task, so that only those of one task are ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.compare.cells import Places, read_places
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.records import Cost
from harness.store import Store
from leaderboard.about import chance
from leaderboard.answers import Changed, ExampleAnswers, answers_of, changed, script_of
from leaderboard.costs import read_costs
from leaderboard.diagnostics import Diagnostics, read_diagnostics
from leaderboard.model import BaseSection, Site, TableRow, TaskColumn

_SHOWN = 30  # examples of a task on its page; a script holds all of them
_FIRST = 3  # examples at the top of its page
_FLIPS = 240  # changed examples on the page of a comparison, over its tasks

Numbers = Mapping[tuple[str, TaskPart], int]  # system and task -> number of the result


@dataclass(frozen=True, kw_only=True)
class TaskExamples:
    """The examples of a task on a base: `answers` to the few of `n` on the page; `script` is the file with all."""

    base: BaseSection
    answers: ExampleAnswers | None
    n: int
    script: str
    first: tuple[tuple[str, str], ...] = ()  # the first few with their gold answers, where their texts are stored
    chance: float | None = None  # what a guess scores
    margin: float | None = None  # that the task's card declares
    declared: bool = False  # whether the card says what a guess scores


@dataclass(frozen=True, kw_only=True)
class PageMaterial:
    """What the pages are made of.

    `changed` is by the page of a comparison, `places` and `diagnostics` by the key of a base; `everything` is
    Store.scores with `diagnostics`, `costs` what each system took.
    """

    store: Store
    site: Site
    folder: Path
    everything: pd.DataFrame
    diagnostics: Mapping[str, Mapping[str, Diagnostics]]
    costs: Mapping[str, Sequence[tuple[str, str, Cost]]]
    examples: dict[TaskColumn, list[TaskExamples]] = field(default_factory=dict)
    changed: dict[str, dict[TaskColumn, Changed]] = field(default_factory=dict)
    places: dict[str, dict[TaskColumn, Places]] = field(default_factory=dict)


def read_material(
    store: Store, site: Site, scores: pd.DataFrame, folder: Path, *, count: Callable[[str], None]
) -> PageMaterial:
    """Read the outcomes of every task, and write the scripts into `folder`; `count` is given the name of each task."""
    everything = store.scores(diagnostics=True)
    diagnostics = {base.key: read_diagnostics(store, base, everything) for base in site.bases}
    found = PageMaterial(
        store=store, site=site, folder=folder, everything=everything, diagnostics=diagnostics,
        costs=read_costs(store, everything),
    )  # fmt: skip
    numbers: Numbers = {
        (system, TaskPart(task, split, subset)): int(number)
        for system, task, split, subset, number in scores[
            ["system_id", "task", "split", "subset", "result"]
        ].values.tolist()
    }
    declared = store.declared()
    for task in site.tasks:
        of_card = [declared.get((task.name.task, revision), (None, None)) for revision in task.revisions]
        margin, of_guess = of_card[0] if len(of_card) == 1 else (None, None)
        count(f"reading the examples of {task.label}")
        texts = store.example_texts(task.name)
        found.examples[task] = []
        for base in site.bases:
            if task not in base.tasks:
                continue
            members = _members(base.all_rows, task, numbers)
            results = [number for seeds in members.values() for number in seeds.values()]
            outcomes = store.outcomes(results=results)
            if outcomes.empty:
                found.examples[task].append(TaskExamples(base=base, answers=None, n=0, script=""))
                continue
            answers = answers_of(
                outcomes,
                {name: list(seeds.values()) for name, seeds in members.items()},
                kind=get_metric(task.metrics[0]).answers,
                better=get_metric(task.metrics[0]).better,
                texts=texts,
            )
            script = f"examples/{task.key}--{base.key}.js"
            write_file(folder, script, script_of(answers, key=script))
            few = answers.apart(_SHOWN)
            first = list(zip(answers.shown, answers.gold, strict=True))[:_FIRST] if texts else []
            found.examples[task].append(
                TaskExamples(
                    base=base,
                    answers=few,
                    n=len(answers.ids),
                    script=script,
                    first=tuple(first),
                    chance=chance(task.metrics[0], answers.gold) if of_guess is None else of_guess,
                    margin=margin,
                    declared=of_guess is not None,
                )
            )
            _find_changed(found, base, task, answers)
            if not task.is_retention and len(task.metrics) == 1:
                group = scores[scores["result"].isin(results)]
                read = read_places(outcomes, [row.entry for row in base.all_rows], scores=group)
                if read is not None:
                    found.places.setdefault(base.key, {})[task] = read
    return found


def write_file(folder: Path, name: str, content: str) -> None:
    """Write one file of the site; `name` is its path in `folder`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")


def _members(
    rows: tuple[TableRow, ...], task: TaskColumn, numbers: Numbers
) -> dict[tuple[str, str], dict[int | None, int]]:
    found: dict[tuple[str, str], dict[int | None, int]] = {}
    for row in rows:
        keys = {system.seed: (system.system_id, task.name) for system in row.entry.systems}
        seeds = {seed: numbers[key] for seed, key in keys.items() if key in numbers}
        if seeds:
            found[row.entry.name] = seeds
    return found


def _find_changed(found: PageMaterial, base: BaseSection, task: TaskColumn, answers: ExampleAnswers) -> None:
    most = max(2, min(20, _FLIPS // len(base.tasks)))
    for pair in base.pairs:
        flips = changed(answers, pair.comparison.variant.name, pair.comparison.against.name, most=most)
        if flips is not None:
            found.changed.setdefault(pair.href, {})[task] = flips
