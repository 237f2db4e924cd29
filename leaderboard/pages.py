"""Every file of the site, written as it is made: of outcomes only those of one task are ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.compare import Places, Progress, TaskName, read_places, scope_of
from harness.metrics import get_metric
from harness.store import Store
from leaderboard import figures, text
from leaderboard.answers import Changed, ChangedExample, ExampleAnswers, answers_of, changed, script_of
from leaderboard.beside import read_beside, with_layers
from leaderboard.model import Base, Row, Site, Task
from leaderboard.published import read_published
from leaderboard.tables import write_tables
from leaderboard.words import make_words

ASSETS = ("style.css", "theme.js", "site.js")
_SHOWN = 30  # examples of a task that stand in its page; a script holds all of them
_FLIPS = 240  # changed examples that stand in a page of two variants, over its tasks

Pair = tuple[str, str]
Numbers = Mapping[tuple[str, TaskName], int]  # system and task -> number of the result


@dataclass
class _Found:
    """What reading the outcomes once, task by task, leaves behind."""

    places: dict[tuple[str, Task], Places] = field(default_factory=dict)  # by key of the base
    flips: dict[str, dict[Pair, dict[Task, Changed]]] = field(default_factory=dict)


def write_pages(
    store: Store, site: Site, scores: pd.DataFrame, folder: Path, *, progress: Progress | None = None
) -> None:
    """Write all files of the site into `folder`."""
    render = _renderer(site, folder)
    count = _Count(progress, sum(len(b.all_rows) + len(b.pairs) for b in site.bases) + len(site.tasks) + 1)
    for name in ASSETS:
        _write(folder, f"assets/{name}", (files("leaderboard") / "assets" / name).read_text("utf-8"))
    found = _write_tasks(store, site, scores, folder, render, count)
    everything = store.scores(beside=True)
    words = []
    for b, base in enumerate(site.bases):
        of_base = found.flips.get(base.key, {})
        for pair in base.pairs:
            count(f"{pair.label}")
            flips = of_base.get((pair.contrast.variant, pair.contrast.against), {})
            render(pair.href, "compare.html", base=base, step=pair, flips=flips, shown=_by_turns(flips))
        places = {task: read for (key, task), read in found.places.items() if key == base.key}
        beside = read_beside(store, base, everything)
        study = read_published(store, base, everything)
        words.append(make_words(base, places, beside, published=study, ident=f"w{b}"))
        every = with_layers(base, places, beside)
        for row in base.all_rows:
            count(row.entry.variant)
            layers = figures.layer_curves(every, row, "y")
            render(row.href, "system.html", base=base, row=row, layers=layers)
    count("tables")
    downloads = write_tables(store, site, found.places, folder / "downloads")
    render("words.html", "words.html", words=[w for w in words if w.types or w.diagnostics or w.published])
    render("methods.html", "methods.html")
    render("history.html", "history.html")
    render("downloads.html", "downloads.html", downloads=downloads)
    render("index.html", "index.html")


class _Count:
    """Tells how many pages are done."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, what: str) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total, f"page of {what}")
        self._done += 1


def _write(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")


def _write_tasks(
    store: Store,
    site: Site,
    scores: pd.DataFrame,
    folder: Path,
    render: Callable[..., None],
    count: _Count,
) -> _Found:
    numbers: Numbers = {
        (system, (task, split, subset)): int(number)
        for system, task, split, subset, number in scores[
            ["system_id", "task", "split", "subset", "result"]
        ].values.tolist()
    }
    found = _Found()
    for task in site.tasks:
        count(task.label)
        here: list[tuple[Base, ExampleAnswers | None, str]] = []
        texts = store.example_texts(task=task.name[0], split=task.name[1], subset=task.name[2])
        for base in site.bases:
            if task not in base.tasks:
                continue
            members = _members(base.all_rows, task, numbers)
            results = [number for seeds in members.values() for number in seeds.values()]
            outcomes = store.outcomes(results=results)
            answers, script = None, ""
            if len(outcomes):
                answers = answers_of(
                    outcomes,
                    {name: list(seeds.values()) for name, seeds in members.items()},
                    kind=get_metric(task.metrics[0]).answers,
                    texts=texts,
                )
                script = f"examples/{task.key}--{base.key}.js"
                _write(folder, script, script_of(answers, key=script))
                _find_flips(found, base, task, answers)
                if not task.is_retention and len(task.metrics) == 1:
                    group = scores[scores["result"].isin(results)]
                    read = read_places(outcomes, [row.entry for row in base.all_rows], scores=group)
                    if read is not None:
                        found.places[base.key, task] = read
            here.append((base, answers, script))
        render(task.href, "task.html", task=task, sections=here, most=_SHOWN)
    return found


def _members(rows: tuple[Row, ...], task: Task, numbers: Numbers) -> dict[tuple[str, str], dict[int | None, int]]:
    found: dict[tuple[str, str], dict[int | None, int]] = {}
    for row in rows:
        keys = {system.seed: (system.system_id, task.name) for system in row.entry.systems}
        seeds = {seed: numbers[key] for seed, key in keys.items() if key in numbers}
        if seeds:
            found[row.entry.name] = seeds
    return found


def _find_flips(found: _Found, base: Base, task: Task, answers: ExampleAnswers) -> None:
    most = max(2, min(20, _FLIPS // len(base.tasks)))
    of_base = found.flips.setdefault(base.key, {})
    for pair in base.pairs:
        names: Pair = (pair.contrast.variant, pair.contrast.against)
        entries = (pair.comparison.variant.name, pair.comparison.against.name)
        flips = changed(answers, *entries, most=most)
        if flips is not None:
            of_base.setdefault(names, {})[task] = flips


def _by_turns(flips: Mapping[Task, Changed]) -> list[tuple[Task, ChangedExample]]:
    """Return the largest change of every task, then the second largest: sizes of two tasks do not compare."""
    ranked = [(place, task, flip) for task, found in flips.items() for place, flip in enumerate(found.shown)]
    return [(task, flip) for _, task, flip in sorted(ranked, key=lambda each: each[0])]


def _renderer(site: Site, folder: Path) -> Callable[..., None]:
    """Return what fills a template and writes it: `render(path, template, **values)`."""

    def render(path: str, template: str, **values: Any) -> None:
        root = "../" * path.count("/")
        content = _environment().get_template(template).render(site=site, root=root, here=path, **values)
        _write(folder, path, content)

    return render


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leaderboard"),
        autoescape=True,  # whatever a card or a model calls itself is text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": text.score,
        "heading": text.heading,
        "change": text.change,
        "span": text.span,
        "p": text.p_value,
        "seeds": text.seeds,
        "flat": text.flatten,
        "what": text.what_interval,
        "rate": text.rate,
        "seconds": text.seconds,
        "size": text.size,
        "key": text.sort_key,
        "small": text.small,
        "signed": text.signed,
    }
    environment.globals |= {
        "scope_of": scope_of,
        "tally": figures.tally_of,
        "rungs": figures.rungs,
        "step_forest": figures.step_forest,
        "score_forest": figures.score_forest,
        "training_curves": figures.training_curves,
        "in_order": figures.in_order,
        "metric_of": get_metric,
    }
    return environment
