"""Print the tables of README.md and of docs/ (mini, controls, retention, calibration) from a results database.

harness run --all --seeds 3
python docs/tables.py scores|steps|detectable|ranks|sentences|contrasts [results.duckdb]
harness run --all --seeds 3 --suite retention
python docs/tables.py retention [results.duckdb]
harness calibrate
python docs/tables.py calibration [results.duckdb]
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.calibration.report import CalibrationReport, Rate
from harness.cards import load_cards
from harness.compare import current_entries
from harness.compare.analysis import Analysis, analyse
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import find_entry
from harness.compare.ranking import Ranks, rank
from harness.compare.results import Comparison
from harness.metrics import get_metric
from harness.store import Store
from harness.suites.mini import SUITE as MINI_SUITE
from harness.suites.mini import TASKS as MINI_TASKS
from harness.suites.retention import SUITE as RETENTION_SUITE

BASE = "mini"
MARKS = {"better": " ▲", "worse": " ▼", "equivalent": " =", "undecided": "", "descriptive": ""}


def main() -> None:
    """Read the store once and print the table that was asked for."""
    which = sys.argv[1]
    store = Store(Path(sys.argv[2] if len(sys.argv) > 2 else "results.duckdb"), read_only=True)
    if which == "ranks":
        print_table(ranks(rank(store, base=BASE, suite="mini")))
        return
    if which == "calibration":
        print_table(calibration(store))
        return
    entries = current_entries(store)
    contrasts, measured = declared_contrasts(), {entry.variant for entry in entries if entry.base == BASE}
    wanted = [(step.variant, step.against) for step in (*contrasts.ladder, *contrasts.controls)]
    if which == "retention":
        wanted = [(name, contrasts.root) for name in load_cards() if name != contrasts.root]
    pairs = [tuple(find_entry(entries, base=BASE, variant=n) for n in pair) for pair in wanted if measured >= set(pair)]
    analysis = analyse(store, entries=entries, pairs=pairs)
    tables = {
        "scores": scores,
        "steps": steps,
        "detectable": detectable,
        "retention": retention,
        "sentences": sentences,
        "contrasts": contrasts_by_row,
    }
    print_table(tables[which](analysis))


def calibration(store: Store) -> list[list[str]]:
    """Every cell of the newest calibration, a row each: errors of the first kind, coverage, and what is claimed."""
    report = CalibrationReport.from_json(store.calibration()[0])

    def rate(each: Rate | None) -> str:
        return "–" if each is None else f"{100 * each.value:.1f} ± {100 * each.se:.1f}"

    rows = [["method: design", "type I", "coverage", "claim"]]
    for cell in report.cells:
        claim = ("kept" if cell.kept else "BROKEN") if cell.claimed else f"no: {cell.why}"
        rows.append([f"{cell.method}: {cell.design}", rate(cell.type_one), rate(cell.coverage), claim])
    return rows


def print_table(rows: list[list[str]]) -> None:
    """Print `rows`, the first of them the heading, as Markdown."""
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if number == 0:
            print("| " + " | ".join("---" if place == 0 else "---:" for place in range(len(row))) + " |")


def scores(analysis: Analysis) -> list[list[str]]:
    """Score of every variant with its 95 % interval (for clustering the range over draws), a row a task."""
    found = {(entry[1], task.task): score for (entry, task), score in analysis.scores.items()}
    measured = {name for name, _ in found}
    variants = [name for name in ("bag-of-words", *load_cards()) if name in measured]
    rows = [["task", *(f"`{name}`" for name in variants)]]
    for task in MINI_SUITE.names:
        cells = []
        for name in variants:
            score = found[name, task]
            ends = score.interval or score.spread
            span = f"<br>{100 * ends.low:.1f}–{100 * ends.high:.1f}" if ends else ""
            cells.append(f"{100 * score.score:.1f}{span}")
        rows.append([task, *cells])
    return rows


def _by_task(analysis: Analysis) -> list[tuple[str, list[tuple[Comparison, int]]]]:
    table: list[tuple[str, list[tuple[Comparison, int]]]] = []
    for task in MINI_SUITE.names:
        places = [
            (comparison, [found.key.task for found in comparison.tasks].index(task))
            for comparison in analysis.comparisons
        ]
        table.append((task, places))
    return table


def _head(analysis: Analysis) -> list[str]:
    names = (f"`{c.variant.variant}` − `{c.against.variant}`" for c in analysis.comparisons)
    return ["task", *names]


def steps(analysis: Analysis) -> list[list[str]]:
    """What each declared step changes, in points, marked where the test is sure."""
    rows = [_head(analysis)]
    for task, places in _by_task(analysis):
        found = [comparison.tasks[place] for comparison, place in places]
        rows.append([task, *(f"{100 * each.difference:+.1f}{MARKS[each.verdict]}" for each in found)])
    return rows


def detectable(analysis: Analysis) -> list[list[str]]:
    """Examples, units and the minimum detectable effect of each declared step, in points."""
    rows = [["task", "examples", "units", *_head(analysis)[1:]]]
    for task, places in _by_task(analysis):
        found = [comparison.tasks[place] for comparison, place in places]
        cells = ["–" if each.mde is None else f"{100 * each.mde:.1f}" for each in found]
        rows.append([task, str(found[0].n_examples), str(found[0].n_units), *cells])
    return rows


def _on_sentences(analysis: Analysis) -> list[str]:
    """The tasks on whole sentences, those that were measured."""
    measured = {task.task for _, task in analysis.scores}
    return [task.name for task in MINI_TASKS if not task.is_word_task and task.name in measured]


def sentences(analysis: Analysis) -> list[list[str]]:
    """Scores on the tasks on whole sentences in points, a row a variant."""
    tasks = _on_sentences(analysis)
    found = {(entry[1], task.task): f"{100 * score.score:.1f}" for (entry, task), score in analysis.scores.items()}
    names = [name for name in ("bag-of-words", *load_cards()) if (name, tasks[0]) in found]
    rows = [[f"`{name}`", *(found.get((name, task), "–") for task in tasks)] for name in names]
    return [["variant", *tasks], *rows]


def contrasts_by_row(analysis: Analysis) -> list[list[str]]:
    """What each declared contrast changes on the tasks on whole sentences, a row a contrast, with 95 % intervals."""
    tasks = _on_sentences(analysis)
    rows = [["contrast", *tasks]]
    for comparison, name in zip(analysis.comparisons, _head(analysis)[1:], strict=True):
        of = {each.key.task: each for each in comparison.tasks}
        cells = []
        for task in tasks:
            each = of.get(task)
            if each is None:
                cells.append("–")
                continue
            ends = each.interval
            span = f"<br>{100 * ends.low:+.1f} to {100 * ends.high:+.1f}" if ends else ""
            cells.append(f"{100 * each.difference:+.1f}{MARKS[each.verdict]}{span}")
        rows.append([name, *cells])
    return rows


def ranks(found: Ranks) -> list[list[str]]:
    """Ranks and letters, a row a task, the mean over tasks first."""
    assert found.overall is not None
    variants = [place.variant for place in found.overall.places]
    rows = [["task", *(f"`{name}`" for name in variants)]]
    for each in (found.overall, *found.tasks):
        places = {place.variant: place for place in each.places}
        cells = []
        for name in variants:
            low, high = places[name].ranks.low, places[name].ranks.high
            cells.append(f"{low if low == high else f'{low}–{high}'} {places[name].letters}")
        rows.append([f"mean of {found.n_tasks} tasks" if each.task is None else each.task.task, *cells])
    return rows


def retention(analysis: Analysis) -> list[list[str]]:
    """Each measure of the language model, a row a variant, marked where it differs from the causal base."""
    names = RETENTION_SUITE.names
    metrics = [get_metric(RETENTION_SUITE.task(name).metric) for name in names]
    rows = [["variant", *(f"{name}<br>{metric.described}" for name, metric in zip(names, metrics, strict=True))]]
    marks = {
        (comparison.variant.variant, found.key.task): MARKS[found.verdict]
        for comparison in analysis.comparisons
        for found in comparison.tasks
    }
    found = {(entry[1], task.task, task.subset): score for (entry, task), score in analysis.scores.items()}
    measured = {name for name, *_ in found}
    for variant in filter(measured.__contains__, load_cards()):
        cells = []
        for name, metric in zip(names, metrics, strict=True):
            score = found[variant, name, BASE]
            ends = score.interval
            span = f"<br>{metric.write(ends.low)}–{metric.write(ends.high)}" if ends else ""
            cells.append(f"{metric.write(score.score)}{marks.get((variant, name), '')}{span}")
        rows.append([f"`{variant}`", *cells])
    return rows


if __name__ == "__main__":
    main()
