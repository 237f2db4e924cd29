"""The pages of the site: a page is a template and an entry in PAGES, which says what makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from harness.compare.analysis import AnalysisProgress
from harness.compare.wording import sentence
from harness.store import Store
from harness.suites import layers, repetition
from harness.suites.by_layer import LayeredTask
from harness.suites.distractor.texts import FIRST
from leaderboard.about import about_task
from leaderboard.answers import Changed, ChangedExample
from leaderboard.citation import citation
from leaderboard.costs import cost_lines
from leaderboard.diagnostics import with_layers
from leaderboard.distractors import make_distractors
from leaderboard.environment import environment
from leaderboard.figures import LineChart
from leaderboard.layers import layer_charts, share_curve
from leaderboard.model import Site, TaskColumn
from leaderboard.overview import base_sentence, make_overview
from leaderboard.papertable import for_pages
from leaderboard.points import make_budgets, make_doses
from leaderboard.reading import PageMaterial, read_material, write_file
from leaderboard.tables import write_tables
from leaderboard.words import make_words, read_published

ASSETS = ("style.css", "theme.js", "site.js", "takeaway.js", "share.png")


@dataclass(frozen=True, kw_only=True)
class PageFile:
    """One file of a page: its path, what it is about, and the values that its template gets in addition to the site.

    `said` describes the file for search engines and previews of links; empty: as its page does.
    """

    path: str
    about: str = ""
    values: Mapping[str, Any]
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page or one sort of pages; `make` returns its files, given the material and the path of a single file.

    A page that is not made, for want of results, has no link in the navigation. A page with `many` files has none
    either, and `{}` in its title and in `said`, its description, is what a file is about. `parts` (name, id) are links
    of the navigation to parts of a page, in place of one link to the page.
    """

    name: str
    title: str
    said: str
    template: str
    make: Callable[[PageMaterial, str], Iterable[PageFile]]
    many: bool = False
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """The links of the navigation: (name, address)."""
        if self.many:
            return ()
        return tuple((name, f"{self.template}#{part}") for name, part in self.parts) or ((self.name, self.template),)


def alone(_: PageMaterial, path: str) -> list[PageFile]:
    """Make a page that needs nothing but the site."""
    return [PageFile(path=path, values={})]


def _front(material: PageMaterial, path: str) -> list[PageFile]:
    front = material.site.front
    said = base_sentence(front) if front else " ".join(make_overview(material.site).sentences)
    return [PageFile(path=path, values={}, said=said)]


def _bases(material: PageMaterial, _: str) -> list[PageFile]:
    own = [base for base in material.site.bases if base is not material.site.front]
    return [
        PageFile(path=base.href, about=base.name or "no base", values={"base": base}, said=base_sentence(base))
        for base in own
    ]


def _axes(material: PageMaterial, _: str) -> list[PageFile]:
    return [
        PageFile(path=each.href, about=f"Axis {each.axis.name}: {each.axis.change}", values={"section": each})
        for each in material.site.axes
    ]


def _tasks(material: PageMaterial, _: str) -> list[PageFile]:
    examples = material.examples
    return [
        PageFile(
            path=task.href,
            about=task.label,
            values={"task": task, "sections": examples[task], "about": about_task(task)},
        )
        for task in material.site.tasks
    ]


def _comparisons(material: PageMaterial, _: str) -> Iterable[PageFile]:
    for base in material.site.bases:
        for pair in base.pairs:
            flips = material.changed.get(pair.href, {})
            about = f"{pair.label} on {base.name}" if base.name else pair.label
            values = {"base": base, "pair": pair, "flips": flips, "shown": _largest_of_each(flips)}
            yield PageFile(path=pair.href, about=about, values=values, said=sentence(pair.comparison))


def _largest_of_each(flips: Mapping[TaskColumn, Changed]) -> list[tuple[TaskColumn, ChangedExample]]:
    """Return the largest change of every task, then the second largest: sizes of two tasks do not compare."""
    ranked = [(place, task, flip) for task, found in flips.items() for place, flip in enumerate(found.shown)]
    return [(task, flip) for _, task, flip in sorted(ranked, key=lambda each: each[0])]


def _systems(material: PageMaterial, _: str) -> Iterable[PageFile]:
    for base in material.site.bases:
        places = with_layers(base, material.places.get(base.key, {}), material.diagnostics[base.key])
        for row in base.all_rows:
            costs = cost_lines(material.costs, row.entry.systems)
            about = f"{row.entry.variant} on {row.entry.base}" if row.entry.base else row.entry.variant
            yield PageFile(
                path=row.href, about=about, values={"base": base, "row": row, "places": places, "costs": costs}
            )


def _words(material: PageMaterial, path: str) -> list[PageFile]:
    words = [
        make_words(
            base,
            material.places.get(base.key, {}),
            material.diagnostics[base.key],
            published=read_published(material.store, base, material.everything),
            ident=f"w{b}",
        )
        for b, base in enumerate(material.site.bases)
    ]
    return [PageFile(path=path, values={"words": [w for w in words if w.types or w.diagnostics or w.published]})]


def _degrees(material: PageMaterial, path: str) -> list[PageFile]:
    return [PageFile(path=path, values={"axis": make_doses(material.store)})]


def _budgets(material: PageMaterial, path: str) -> list[PageFile]:
    return [PageFile(path=path, values={"axis": make_budgets(material.store)})]


def _layers(material: PageMaterial, path: str) -> list[PageFile]:
    return _by_layer(material, path, layers.TASKS[0], tokens=layers.TOKENS)


def _repetition(material: PageMaterial, path: str) -> list[PageFile]:
    return _by_layer(material, path, repetition.TASKS[0], first=share_curve)


def _by_layer(
    material: PageMaterial,
    path: str,
    task: LayeredTask,
    *,
    first: Callable[..., Sequence[LineChart]] | None = None,
    **values: Any,
) -> list[PageFile]:
    """The page of a suite that is shown by layer; `first` draws what stands before its charts."""
    bases = []
    for b, base in enumerate(material.site.bases):
        read, ident = material.diagnostics[base.key], f"{task.suite}{b}"
        charts = layer_charts(task, base, read, ident=ident)
        if charts:
            bases.append((base, first(task, base, read, ident=f"{ident}-f") if first else (), charts))
    return [PageFile(path=path, values={"suite": task.suite, "bases": bases, **values})]


def _distractors(material: PageMaterial, path: str) -> list[PageFile]:
    bases = make_distractors(material.store, material.site)
    return [PageFile(path=path, values={"bases": bases, "own": FIRST.name})] if bases else []


def _downloads(material: PageMaterial, path: str) -> list[PageFile]:
    folder = material.folder / "downloads"
    tables = write_tables(material.store, material.site, material.places, folder)
    cited = citation(material.site, [folder / name for name, _ in tables[-1].files])
    return [PageFile(path=path, values={"downloads": tables, "cited": cited})]


_INDEX = (("Answer", "answer"), ("Ladder", "ladder"), ("Table", "table"))
_QUESTION = "harness: what does each step of turning a language model into a text encoder buy?"
PAGES = (
    Page(name="Results", title=_QUESTION, said="", template="index.html", make=_front, parts=_INDEX),
    Page(name="Base", title="{} · harness", said="", template="base.html", make=_bases, many=True),
    Page(
        name="Axis", title="{} · harness", template="axis.html", make=_axes, many=True,
        said="{}. What each step does on each level, with intervals, and whether it does more on some.",
    ),
    Page(
        name="Task", title="{} · harness", template="task.html", make=_tasks, many=True,
        said="{}: what the task asks, its examples, and the scores of all variants with intervals and tests.",
    ),
    Page(name="Comparison", title="{} · harness", said="", template="compare.html", make=_comparisons, many=True),
    Page(
        name="Variant", title="{} · harness", template="system.html", make=_systems, many=True,
        said="{}: how it was made, its scores on every task with intervals, and the proof of its attention mask.",
    ),
    Page(
        name="Words", title="Words: what a word’s vector knows · harness", template="words.html", make=_words,
        said="Probes on the vectors of words, by layer and by position, with controls.",
    ),
    Page(
        name="Layers", title="The layers · harness", template="layers.html", make=_layers,
        said="What the states of a text are at each layer of each variant.",
    ),
    Page(
        name="Repetition", title="Repetition · harness", template="repetition.html", make=_repetition,
        said="What a repeated sentence weighs in a text’s vector, and the attention that its copies get.",
    ),
    Page(
        name="Distractors", title="Distractors and their cures · harness", template="distractors.html",
        make=_distractors,
        said="What an irrelevant passage beside a text costs, by mask, and what each cure gets back of it.",
    ),
    Page(
        name="Mask", title="The mask by degrees · harness", template="degrees.html", make=_degrees,
        said="Scores by how far ahead a token sees, from the causal to the bidirectional mask.",
    ),
    Page(
        name="Budget", title="Training budget · harness", template="budget.html", make=_budgets,
        said="Scores by the number of training steps of the last stage.",
    ),
    Page(
        name="Methods", title="Methods: how to read these pages · harness", template="methods.html", make=alone,
        said="The tests, intervals, families and declared contrasts behind the verdicts of these pages.",
    ),
    Page(
        name="History", title="History: scores over time · harness", template="history.html", make=alone,
        said="Every stored run: what differs from the run before it, and how much its scores changed.",
    ),
    Page(
        name="Downloads", title="Downloads · harness", template="downloads.html", make=_downloads,
        said="Every table of these pages as CSV and parquet, the database, and how to cite it.",
    ),
)  # fmt: skip


def write_pages(
    store: Store,
    site: Site,
    scores: pd.DataFrame,
    folder: Path,
    *,
    url: str = "",
    progress: AnalysisProgress | None = None,
) -> None:
    """Write all files of the site into `folder`; `url` is where the folder will be published, empty if not known."""
    total = 2 * len(site.tasks) + sum(len(base.all_rows) + len(base.pairs) for base in site.bases)
    done = 0

    def count(what: str) -> None:
        nonlocal done
        if progress is not None:
            progress(min(done, total), total, what)
        done += 1

    for name in ASSETS:
        (folder / "assets").mkdir(exist_ok=True)
        (folder / "assets" / name).write_bytes((files("leaderboard") / "assets" / name).read_bytes())
    write_file(folder, "assets/paper.js", f"window.harnessPaper = {json.dumps(for_pages())};\n")
    material = read_material(store, site, scores, folder, count=count)
    single = {page.template: list(page.make(material, page.template)) for page in PAGES if not page.many}
    linked = [page for page in PAGES if single.get(page.template)]
    for page in PAGES:
        template = environment().get_template(page.template)
        for made in page.make(material, page.template) if page.many else single[page.template]:
            if page.many:
                count(f"writing the page of {made.about}")
            root = "../" * made.path.count("/")
            title = page.title.format(made.about)
            said = made.said or page.said.format(made.about)
            content = template.render(
                site=site, pages=linked, root=root, here=made.path, title=title, said=said, url=url, **made.values
            )
            write_file(folder, made.path, content)
