"""Print the tables of README.md and docs/mini.md from a results database.

harness run --all --seeds 3
python docs/tables.py scores|steps|detectable [results.duckdb]
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.cards import load_cards
from harness.compare import Analysis, Comparison, analyse, current_entries, declared_contrasts, find_entry
from harness.store import Store
from harness.suites.mini import task_names

BASE = "mini"
MARKS = {"better": " ▲", "worse": " ▼", "undecided": "", "descriptive": ""}


def main() -> None:
    """Read the store once and print the table that was asked for."""
    which = sys.argv[1]
    store = Store(Path(sys.argv[2] if len(sys.argv) > 2 else "results.duckdb"), read_only=True)
    entries = current_entries(store)
    contrasts = declared_contrasts()
    pairs = [
        (find_entry(entries, base=BASE, variant=c.variant), find_entry(entries, base=BASE, variant=c.against))
        for c in (*contrasts.ladder, *contrasts.controls)
    ]
    analysis = analyse(store, entries=entries, pairs=pairs)
    rows = {"scores": scores, "steps": steps, "detectable": detectable}[which](analysis)
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if number == 0:
            print("| " + " | ".join("---" if place == 0 else "---:" for place in range(len(row))) + " |")


def scores(analysis: Analysis) -> list[list[str]]:
    """Score of every variant with its 95 % interval (for clustering the range over draws), a row a task."""
    variants = ["bag-of-words", *load_cards()]
    rows = [["task", *(f"`{name}`" for name in variants)]]
    found = {(entry[1], task[0]): score for (entry, task), score in analysis.scores.items()}
    for task in task_names():
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
    for task in task_names():
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


if __name__ == "__main__":
    main()
