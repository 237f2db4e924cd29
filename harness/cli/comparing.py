"""`harness compare`, and the last block of `harness run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from harness.compare import Comparison, TaskComparison, TaskName
    from harness.store import Store


def register(app: typer.Typer) -> None:
    app.command("compare")(compare)


def compare(
    variant: Annotated[str, typer.Argument(metavar="A", help="A variant of the database.")],
    against: Annotated[str, typer.Argument(metavar="B", help="The variant it is compared with.")],
    base: options.BaseName = "mini",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Compare two variants task by task: A minus B, with intervals and Holm-adjusted p values.

    --base takes the name under which the database keeps the base (`harness ls systems`).
    """
    from harness.cli.screen import print_json
    from harness.compare import compare as compare_entries
    from harness.store import Store

    chosen = tuple(name.strip() for name in tasks.split(",") if name.strip()) if tasks is not None else None
    comparison = compare_entries(Store(db, read_only=True), base=base, variant=variant, against=against, tasks=chosen)
    if as_json:
        print_json(_as_dict(comparison))
    else:
        _print(comparison)


def report(store: Store, *, base: str, variants: Sequence[str], tasks: Sequence[str], as_json: bool) -> None:
    """Say what was found: each of `variants` against the base's causal row, in words and numbers."""
    from harness.cli.screen import out, print_json
    from harness.compare import compare as compare_entries
    from harness.run import BASELINE_VARIANT

    others = [name for name in variants if name != BASELINE_VARIANT]
    comparisons = [
        compare_entries(store, base=base, variant=name, against=BASELINE_VARIANT, tasks=tasks) for name in others
    ]
    if as_json:
        print_json([_as_dict(comparison) for comparison in comparisons])
        return
    if len(comparisons) == 1:
        _print(comparisons[0])
    elif comparisons:
        from harness.compare import sentence

        out.print(_overview(comparisons))
        out.print()
        for comparison in comparisons:
            print(sentence(comparison))
    else:
        print(f"Measured {BASELINE_VARIANT} on base {base}; name another variant to compare it with.")


def _print(comparison: Comparison) -> None:
    from harness.cli.screen import out
    from harness.compare import scope, sentence

    out.print(_details(comparison))
    out.print()
    print(sentence(comparison))
    print(scope(comparison))
    for problem in comparison.problems:
        print(problem)


def _details(comparison: Comparison) -> Table:
    from harness.cli.screen import table
    from harness.compare import task_name

    names = (comparison.against.variant, comparison.variant.variant)
    headers = ("task", "examples", *names, "difference", "95 % interval", "p (Holm)", "verdict")
    labels = _labels([comparison])
    rows = [
        (
            labels[task_name(task.key)],
            task.n_examples,
            _score(task, task.score_against),
            _score(task, task.score),
            _signed(task, task.difference),
            _interval(task),
            "–" if task.p_holm is None else f"{task.p_holm:.4f}",
            task.verdict,
        )
        for task in comparison.tasks
    ]
    return table(headers, rows, right=(1, 2, 3, 4, 5, 6))


def _overview(comparisons: Sequence[Comparison]) -> Table:
    """One row a task, one column a variant: the difference from the baseline, a mark where the test is sure."""
    from harness.cli.screen import table
    from harness.compare import task_name

    marks = {"better": " ▲", "worse": " ▼"}
    labels = _labels(comparisons)
    cells = {
        (comparison.variant.variant, labels[task_name(task.key)]): _signed(task, task.difference)
        + marks.get(task.verdict, "  ")
        for comparison in comparisons
        for task in comparison.tasks
    }
    base_scores = {
        labels[task_name(task.key)]: _score(task, task.score_against) for each in comparisons for task in each.tasks
    }
    names = [comparison.variant.variant for comparison in comparisons]
    rows = [(task, score, *(cells.get((name, task)) for name in names)) for task, score in base_scores.items()]
    return table(("task", comparisons[0].against.variant, *names), rows, right=range(1, len(names) + 2))


def _labels(comparisons: Sequence[Comparison]) -> dict[TaskName, str]:
    """What each task is called here: its name, and split or subset only where several share it."""
    from harness.compare import task_label, task_name

    names = tuple(dict.fromkeys(task_name(task.key) for comparison in comparisons for task in comparison.tasks))
    return {name: task_label(name, names) for name in names}


def _score(task: TaskComparison, score: float) -> str:
    from harness.metrics import get_metric

    return get_metric(task.key.metric).write(score)


def _signed(task: TaskComparison, difference: float) -> str:
    from harness.metrics import get_metric

    return get_metric(task.key.metric).write_change(difference)


def _interval(task: TaskComparison) -> str:
    if task.interval is None:
        return "–"
    return f"{_signed(task, task.interval.low)} … {_signed(task, task.interval.high)}"


def _as_dict(comparison: Comparison) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.compare import scope, sentence

    return {
        "base": comparison.variant.base,
        "variant": comparison.variant.variant,
        "against": comparison.against.variant,
        "alpha": comparison.alpha,
        "sentence": sentence(comparison),
        "scope": scope(comparison),
        "tasks": [asdict(task) for task in comparison.tasks],
        "problems": list(comparison.problems),
    }
