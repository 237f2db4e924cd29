"""A table of scores for a paper: LaTeX, Markdown or CSV, with verdict marks and a caption that says what they mean.

The pages write the tables that they show in the same forms: they read the marks, the frame of a LaTeX table and the
sentences from here (`for_pages`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.compare.overall import mean_verdict
from harness.compare.results import Comparison, TaskComparison
from harness.compare.wording import task_label
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from leaderboard.tables import flat, plain_cell

FORMATS = ("latex", "markdown", "csv")
_MARKS = {"better": "▲", "worse": "▼", "equivalent": "="}
_MEAN = "Mean difference"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$", "×": r"$\times$", "≤": r"$\le$",
    "±": r"$\pm$", "▲": r"$^{\uparrow}$", "▼": r"$^{\downarrow}$", "…": r"\ldots{}", "÷": r"$\div$", "≥": r"$\ge$",
    "○": r"$^{\circ}$", "†": r"$^{\dagger}$", "→": r"$\to$", "Δ": r"$\Delta$", "·": r"$\cdot$", "┃": r"$|$",
    "<": "$<$", ">": "$>$", "|": "$|$", "’": "'", "“": "``", "”": "''", "\u00a0": "~",
}  # fmt: skip
# In a sentence a mark is no superscript.
_LATEX_SAID = {
    **_LATEX, "▲": r"$\uparrow$", "▼": r"$\downarrow$", "○": r"$\circ$", "†": r"$\dagger$",
}  # fmt: skip
_FRAME = r"""% needs \usepackage{booktabs}
\begin{table}
\centering
\footnotesize\setlength{\tabcolsep}{3pt}
\begin{tabular}{COLUMNS}
\toprule
HEADS \\
\midrule
ROWS
\bottomrule
\end{tabular}
\caption{CAPTION}
\end{table}
"""
_PART = "Not all rows and columns are shown: the tests, seeds and examples named are those of the whole table."
_NAMED = 6  # variants that a caption names one by one


def for_pages() -> dict[str, object]:
    """Return what the pages need to write a table as the terminal does."""
    return {"cells": _LATEX, "said": _LATEX_SAID, "frame": _FRAME, "part": _PART}


@dataclass(frozen=True, kw_only=True)
class TableForPaper:
    """A row a task, a column a variant; a cell is a text with its mark ("" for none)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    caption: str
    comparisons: tuple[Comparison, ...]


def paper_table(comparisons: Sequence[Comparison], *, retention: bool = False) -> TableForPaper:
    """Arrange comparisons with one variant: its scores, and those of the others with their verdicts.

    Only with `retention` what the language model lost is among the tasks.
    """
    if not retention:
        kept = [replace(c, tasks=tuple(task for task in c.tasks if not task.is_retention)) for c in comparisons]
        comparisons = [each for each in kept if each.tasks] or comparisons
    against = comparisons[0].against
    parts = tuple(dict.fromkeys(task.key.part for each in comparisons for task in each.tasks))
    of = [{task.key.part: task for task in each.tasks} for each in comparisons]
    rows = [(task_label(part, parts), _cells(part, of)) for part in parts]
    if any(each.across is not None and each.across.n_tasks > 1 for each in comparisons):
        rows += [(name, (("", ""), *cells)) for name, cells in _means(comparisons)]
    return TableForPaper(
        columns=("Task", against.variant, *(each.variant.variant for each in comparisons)),
        rows=tuple(rows),
        caption=caption_of(comparisons),
        comparisons=tuple(comparisons),
    )


def _cells(part: TaskPart, of: Sequence[Mapping[TaskPart, TaskComparison]]) -> tuple[tuple[str, str], ...]:
    found = [each.get(part) for each in of]
    first = next(task for task in found if task is not None)
    write = get_metric(first.key.metric).write
    others = [("–", "") if task is None else (write(task.score), _MARKS.get(task.verdict, "")) for task in found]
    return ((write(first.score_against), ""), *others)


def _means(comparisons: Sequence[Comparison]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the means with their marks, and each end of their intervals in a row of its own: columns stay narrow."""
    found = [(each.across.raw if each.across else None, each.alpha) for each in comparisons]
    means = [
        ("–", "") if raw is None else (_points(raw.value), _MARKS.get(mean_verdict(raw.value, raw.p, alpha=alpha), ""))
        for raw, alpha in found
    ]
    ends = [raw.interval if raw else None for raw, _ in found]
    if not any(ends):
        return [(_MEAN, means)]
    low, high = ([("–" if end is None else _points(getattr(end, of)), "") for end in ends] for of in ("low", "high"))
    return [(_MEAN, means), ("95 % interval, from", low), ("to", high)]


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def caption_of(comparisons: Sequence[Comparison], *, mean: bool = True) -> str:
    """Say what is shown, what the marks mean, over which tests, seeds and examples; `mean`: there is a row of means."""
    first = comparisons[0]
    where = f" on base {first.variant.base}" if first.variant.base else ""
    tasks = [task for each in comparisons for task in each.tasks]
    sizes = [task.n_examples for task in tasks]
    examples = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
    seeds: dict[int, list[str]] = {}
    for entry in (first.against, *(each.variant for each in comparisons)):
        seeds.setdefault(sum(seed is not None for seed in entry.seeds), []).append(entry.variant)
    counts = [f"{n or 'none needed'} for {_names(names)}" for n, names in sorted(seeds.items())]
    families = dict.fromkeys(said for task in tasks if (said := _family(task)))
    points = {get_metric(task.key.metric).unit for task in tasks}
    unit = "Scores in points (score × 100), means over training seeds" if points == {"points"} else "Scores"
    spans = [each.across.raw.interval is not None for each in comparisons if each.across]
    return " ".join(
        [
            f"{unit}{where}. ▲ better, ▼ worse, = equivalent to {first.against.variant} in a test at level",
            f"{first.alpha:g}; no mark: not decided, or not tested.",
            *([f"P values: {'; '.join(families)}."] if families else []),
            f"Training seeds: {'; '.join(counts)}. Examples: {examples} in a task.",
            *([f"{_MEAN}: over the tested tasks{', with its 95 % interval' * any(spans)}."] if spans and mean else []),
        ]
    )


def _names(variants: Sequence[str]) -> str:
    """Name the variants, or count them where a caption has no room for all."""
    return ", ".join(variants) if len(variants) <= _NAMED else f"{len(variants)} variants"


def _family(task: TaskComparison) -> str:
    """Name the tests over which the p value of a task was adjusted; empty where it has none."""
    if task.p_adjusted is None:
        return ""
    if task.family == "exploratory":
        return "false discovery rate over the tasks of a comparison"
    what = "declared contrasts" if task.family == "declared" else "pairs of variants"
    return (
        f"adjusted by max-T over {task.family_size:,} tests, {task.family_pairs} {what} on up to "
        f"{task.family_tasks} {'tasks' if task.family_tasks > 1 else 'task'}"
    )


def write_table(table: TableForPaper, form: str) -> str:
    """Return the table in one of FORMATS."""
    return {"latex": _latex, "markdown": _markdown, "csv": _csv}[form](table)


def escape_latex(text: str) -> str:
    """Return `text` as LaTeX sets it.

    >>> escape_latex("90 % of a_b")
    '90 \\\\% of a\\\\_b'
    """
    return "".join(_LATEX.get(each, each) for each in text)


def _latex(table: TableForPaper) -> str:
    lines = [" & ".join([escape_latex(name), *(_marked(*cell) for cell in cells)]) for name, cells in table.rows]
    body = [f"{line} \\\\" for line in lines]
    names = [name for name, _ in table.rows]
    if _MEAN in names:
        body.insert(names.index(_MEAN), r"\midrule")
    parts = {
        "COLUMNS": f"l{'r' * (len(table.columns) - 1)}",
        "HEADS": " & ".join(map(escape_latex, table.columns)),
        "ROWS": "\n".join(body),
        "CAPTION": "".join(_LATEX_SAID.get(each, each) for each in table.caption),
    }
    return re.sub("COLUMNS|HEADS|ROWS|CAPTION", lambda found: parts[found[0]], _FRAME)


def _marked(text: str, mark: str) -> str:
    shown = {"=": "$^{=}$"}.get(mark, escape_latex(mark))
    return escape_latex(text.replace("-", "−")) + shown


def _markdown(table: TableForPaper) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    right = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = [line([name, *(f"{text} {mark}".strip() for text, mark in cells)]) for name, cells in table.rows]
    return "\n".join([line(table.columns), line(right), *rows, "", table.caption, ""])


def _csv(table: TableForPaper) -> str:
    """One row a task and variant, with every number behind the verdict."""
    rows = [
        {"base": each.variant.base, "variant": each.variant.variant, "against": each.against.variant, **flat(task)}
        for each in table.comparisons
        for task in each.tasks
    ]
    said = io.StringIO()
    writer = csv.DictWriter(said, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: plain_cell(value) for name, value in row.items()} for row in rows)
    return said.getvalue()
