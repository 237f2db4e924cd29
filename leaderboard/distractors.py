"""The page of distractors: for each task the declared question, the rows, the cures and what they made of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.cells import Cell
from harness.compare.distractors.cured import CuredRow
from harness.compare.distractors.examples import RowText, example_texts
from harness.compare.distractors.losses import DistractorRow
from harness.compare.distractors.masks import MaskDifference
from harness.compare.distractors.views import Distractors, distracted_bases, distractor_rows
from harness.compare.distractors.wording import mask_sentences
from harness.metrics import get_metric
from harness.stats.estimate import Interval
from harness.store import Store
from harness.suites.distractor import CLEAN, COST, DIRTY, OF_MTEB, REGENERATED, ROWS, TASKS
from harness.suites.distractor.texts import FIRST, PLACES, conditions
from leaderboard import text
from leaderboard.charts import SMALL, Dumbbell, Mark, Point, Series, curves, dumbbells, mark_swatch, swatch
from leaderboard.charts.curves import STYLES
from leaderboard.figures import LineChart
from leaderboard.model import Site

_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class ConditionRow:
    """What one variant has under one condition, by row."""

    condition: str
    variant: str
    rows: Mapping[str, DistractorRow]


@dataclass(frozen=True, kw_only=True)
class CellTable:
    """Cells by variant and by name: the figures of the gate, or the tokens of the cures."""

    names: tuple[str, ...]
    of: Mapping[str, Mapping[str, Cell]]


@dataclass(frozen=True, kw_only=True)
class MadeText:
    """A text of an example, and the variants that share it; none where all systems read it."""

    row: str
    cured: bool
    variants: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class DistractedTask:
    """One task on one base. `own` are the rows under the task's own condition, `others` those under the others.

    `panels` are small charts of the dirty score by the length of the passage, one a variant, with `keys` as their
    legend. `masks` and `cured` are of all conditions, the task's own first.
    """

    name: str
    about: str
    metric: str
    n_examples: int
    answers: tuple[str, ...]
    chart: LineChart
    panels: tuple[tuple[str, Markup], ...]
    keys: tuple[tuple[Markup, str], ...]
    own: tuple[DistractorRow, ...]
    cures: tuple[str, ...]
    others: tuple[ConditionRow, ...]
    masks: tuple[MaskDifference, ...]
    cured: tuple[CuredRow, ...]
    gate: CellTable
    tokens: CellTable
    examples: tuple[tuple[MadeText, ...], ...]

    @property
    def many(self) -> bool:
        """Whether there are more variants than one chart of lines tells apart."""
        return len(self.panels) > STYLES


@dataclass(frozen=True, kw_only=True)
class DistractedBase:
    """One base with its tasks; `hrefs` are the pages of its variants that have one.

    `alone` are variants with a cure in their card of which the plain variant was not measured. `asked` says whether any
    system was asked to write texts anew.
    """

    name: str
    against: str
    tasks: tuple[DistractedTask, ...]
    hrefs: Mapping[str, str]
    alone: tuple[str, ...]
    asked: bool


def make_distractors(store: Store, site: Site) -> list[DistractedBase]:
    """All that `harness distractors` has in the store, base by base; empty if there is nothing of the kind."""
    hrefs = {row.entry.name: row.href for base in site.bases for row in base.all_rows}
    made = []
    for b, base in enumerate(distracted_bases(store)):
        found = distractor_rows(store, base=base, conditions=())
        names = dict.fromkeys(row.task for row in found.rows)
        tasks = tuple(_task(store, found, name, base=base, ident=f"t{b}-{t}") for t, name in enumerate(names))
        if tasks:
            made.append(
                DistractedBase(
                    name=base,
                    against=found.against,
                    tasks=tasks,
                    hrefs={variant: href for (of, variant), href in hrefs.items() if of == base},
                    alone=found.alone,
                    asked=any(row.row == REGENERATED for row in found.rows),
                )
            )
    return made


def _task(store: Store, found: Distractors, name: str, *, base: str, ident: str) -> DistractedTask:
    rows = [row for row in found.rows if row.task == name]
    own = [row for row in rows if row.condition == FIRST.name]
    masks = [each for each in found.masks if each.task == name]
    present = {row.row for row in rows if row.is_cure}
    texts = example_texts(store, name, FIRST.name, base=base, count=_EXAMPLES)
    panels, keys = _panels(rows, ident=f"{ident}-p")
    return DistractedTask(
        name=name,
        about=next((task.about for task in (*TASKS, *OF_MTEB) if task.name == name), ""),
        metric=rows[0].metric,
        n_examples=rows[0].n_examples,
        answers=tuple(mask_sentences([each for each in masks if each.condition == FIRST.name])),
        chart=_clean_and_dirty(own, name, ident=f"{ident}-c"),
        panels=panels,
        keys=keys,
        own=tuple(own),
        cures=tuple(row for row in ROWS if row in present),
        others=tuple(_by_condition([row for row in rows if row.condition != FIRST.name])),
        masks=tuple(each for each in masks if each.row == DIRTY),
        cured=tuple(each for each in found.cured if each.task == name),
        gate=_cells(found.gate, name, "gate: "),
        tokens=_cells(found.tokens, name, COST),
        examples=tuple(tuple(_shared(example)) for example in texts),
    )


def _by_condition(rows: Sequence[DistractorRow]) -> list[ConditionRow]:
    by: dict[tuple[str, str], dict[str, DistractorRow]] = {}
    for row in rows:
        by.setdefault((row.condition, row.variant), {})[row.row] = row
    return [ConditionRow(condition=where, variant=variant, rows=of) for (where, variant), of in by.items()]


def _cells(found: Sequence[Cell], task: str, prefix: str) -> CellTable:
    here = [cell for cell in found if cell.task == task]
    of: dict[str, dict[str, Cell]] = {}
    for cell in here:
        of.setdefault(cell.variant, {})[cell.subset.removeprefix(prefix)] = cell
    return CellTable(names=tuple(dict.fromkeys(cell.subset.removeprefix(prefix) for cell in here)), of=of)


def _shared(example: Sequence[RowText]) -> list[MadeText]:
    """The texts of an example; one that several systems made stands there once."""
    by: dict[tuple[str, bool, str], list[str]] = {}
    for each in example:
        by.setdefault((each.row, each.cured, each.text), []).extend(filter(None, [each.variant]))
    return [
        MadeText(row=row, cured=cured, variants=tuple(variants), text=said)
        for (row, cured, said), variants in sorted(by.items(), key=lambda item: (item[0][1], ROWS.index(item[0][0])))
    ]


def _clean_and_dirty(own: Sequence[DistractorRow], task: str, *, ident: str) -> LineChart:
    """The clean score of each variant above the dirty one."""
    by = {(row.variant, row.row): row for row in own}
    drawn = [
        Dumbbell(label=name, before=_mark(by[name, CLEAN], "score"), after=_mark(by[name, DIRTY], "dirty"))
        for name in dict.fromkeys(row.variant for row in own)
    ]
    chart = dumbbells(drawn, title=f"{task}: clean and dirty score by variant", axis=_axis(own[0].metric), ident=ident)
    return LineChart(chart=chart, legend=((mark_swatch("score"), CLEAN), (mark_swatch("dirty"), DIRTY)))


def _mark(row: DistractorRow, kind: str) -> Mark:
    value, (low, high) = get_metric(row.metric).scale * row.score, _ends(row.interval, row.metric)
    shown, ends = text.score(row.score, row.metric), text.span(row.interval, row.metric) or "no interval"
    title = f"{row.variant}, {row.row}: {shown} ({ends})"
    return Mark(label=row.variant, value=value, low=low, high=high, kind=kind, text=shown, title=title)


def _ends(interval: Interval | None, metric: str) -> tuple[float | None, float | None]:
    """The ends as they are drawn: an end beyond what there can be is drawn at the limit."""
    scale = get_metric(metric).scale
    return (None, None) if interval is None else (scale * interval.low, min(scale * interval.high, scale))


def _axis(metric: str) -> str:
    written = get_metric(metric)
    return written.unit if written.unit == written.name else f"{written.described}, {written.unit}"


def _panels(
    rows: Sequence[DistractorRow], *, ident: str
) -> tuple[tuple[tuple[str, Markup], ...], tuple[tuple[Markup, str], ...]]:
    """A chart a variant: the score by the length of the passage, a line a place, all on one axis; and the legend."""
    of = {(row.variant, row.condition, row.row): row for row in rows}
    by_place = {
        place: [each for each in conditions(pairs=False) if each.place == place and each.amount] for place in PLACES
    }
    lines: dict[str, list[Series]] = {}
    for name in dict.fromkeys(row.variant for row in rows):
        for style, (place, several) in enumerate(by_place.items()):
            found = [(each.amount, of[name, each.name, DIRTY]) for each in several if (name, each.name, DIRTY) in of]
            if found:
                clean = of[name, found[0][1].condition, CLEAN]
                points = tuple(_point(amount, row) for amount, row in ((0.0, clean), *found))
                lines.setdefault(name, []).append(Series(label=place, style=style, parts=(points,)))
    lengths = sorted({0.0, *(each.amount for several in by_place.values() for each in several)})
    everything = [value for several in lines.values() for line in several for p in line.points for value in p.ends]
    charts = tuple(
        (
            name,
            curves(
                several,
                title=f"{rows[0].task}: {name} by length and place of the passage",
                across="",
                up="",
                ident=f"{ident}{number}",
                places=lengths,
                names=[f"×{length:g}" for length in lengths],
                also=everything,
                frame=SMALL,
            ),
        )
        for number, (name, several) in enumerate(lines.items())
        if any(len(line.points) > 2 for line in several)
    )
    return charts, tuple((swatch(style), place) for style, place in enumerate(by_place)) if charts else ()


def _point(amount: float, row: DistractorRow) -> Point:
    return Point(amount, get_metric(row.metric).scale * row.score, *_ends(row.interval, row.metric))
