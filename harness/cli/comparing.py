"""`harness compare`, and the last block of `harness run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from harness.compare import Analysis, Comparison, Entry, Flips, TaskComparison, TaskName
    from harness.store import Store


def register(app: typer.Typer) -> None:
    app.command("compare")(compare)


def compare(
    variant: Annotated[str, typer.Argument(metavar="A", help="A variant of the database.")],
    against: Annotated[str, typer.Argument(metavar="B", help="The variant it is compared with.")],
    base: options.BaseName = "mini",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")] = None,
    flips: Annotated[
        int, typer.Option("--flips", min=0, help="List up to N examples a task that the two answer differently.")
    ] = 0,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 if A is worse than B on some task, with 0 if on none.")
    ] = False,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Compare two variants task by task: A minus B, with intervals, adjusted p values and verdicts.

    P values are adjusted over the family that was declared for the pair, on all tasks of the base, whatever is shown:
    --tasks does not move a verdict. --base takes the name under which the database keeps the base (`harness ls
    systems`). The exit code is 0 whatever the verdicts, unless --exit-code asks for them; bad input ends with 2.
    """
    from harness.cli.screen import print_json
    from harness.compare import compare as compare_entries
    from harness.compare import flips as find_flips
    from harness.compare import task_name
    from harness.store import Store

    store = Store(db, read_only=True)
    comparison = compare_entries(store, base=base, variant=variant, against=against, tasks=options.names(tasks))
    flipped: list[Flips] = []
    if flips:
        names = [task_name(task.key) for task in comparison.tasks]
        flipped = find_flips(store, base=base, variant=variant, against=against, tasks=names, most=flips)
    if as_json:
        print_json(_as_dict(comparison) | ({"flips": [_flips_as_dict(each) for each in flipped]} if flips else {}))
    else:
        _print(comparison)
        for each in flipped:
            _print_flips(each, variant, against)
    if exit_code and any(task.verdict == "worse" for task in comparison.tasks):
        raise typer.Exit(1)


def report(
    store: Store,
    *,
    base: str,
    variants: Sequence[str],
    tasks: Sequence[str],
    as_json: bool,
    known: Analysis | None = None,
) -> None:
    """Say what was found: each of `variants` against the base's causal row, in words and numbers.

    `known` is an analysis of the base, if one was made a moment ago.
    """
    from harness.cli.screen import out, print_json
    from harness.compare import compare_each
    from harness.run import BASELINE_VARIANT

    others = [name for name in variants if name != BASELINE_VARIANT]
    comparisons = compare_each(store, base=base, variants=others, against=BASELINE_VARIANT, tasks=tasks, known=known)
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


def report_references(store: Store, *, names: Sequence[str], tasks: Sequence[str], as_json: bool) -> None:
    """Say what reference models score, where no base was measured along."""
    from harness.cli.screen import out, print_json, table
    from harness.compare import task_label
    from harness.metrics import get_metric

    scores = store.scores()
    rows = scores[scores["kind"].eq("reference") & scores["variant"].isin(names) & scores["task"].isin(tasks)]
    if as_json:
        columns = ["variant", "task", "split", "subset", "revision", "metric", "score", "n_examples", "n_trials"]
        print_json(rows[columns].rename(columns={"variant": "model"}).to_dict("records"))
        return
    parts = [(str(t), str(s), str(u)) for t, s, u in zip(rows["task"], rows["split"], rows["subset"], strict=True)]
    every = tuple(dict.fromkeys(parts))
    cells = {
        (part, row["variant"]): (row["metric"], get_metric(row["metric"]).write(row["score"], more_digits=1))
        for part, row in zip(parts, rows.to_dict("records"), strict=True)
    }
    found = [
        (
            task_label(part, every),
            next(metric for (of, _), (metric, _) in cells.items() if of == part),
            *(cells.get((part, name), ("", None))[1] for name in names),
        )
        for part in every
    ]
    out.print(
        table(("task", "metric", *(f"{name} (reference)" for name in names)), found, right=range(2, 2 + len(names)))
    )


def _print(comparison: Comparison) -> None:
    from harness.cli.screen import out
    from harness.compare import overall, scope, sentence

    out.print(_details(comparison))
    out.print()
    for line in (sentence(comparison), overall(comparison), scope(comparison), *comparison.problems):
        if line:
            print(line)


def _print_flips(found: Flips, variant: str, against: str) -> None:
    from harness.cli.screen import out, table

    def named(name: str, seed: int | None) -> str:
        return name if seed is None else f"{name} (seed {seed})"

    who = f"{named(variant, found.seed)} against {named(against, found.seed_against)}"
    if found.gained is None:
        heading = f"{found.task[0]}, {who}: the largest changes"
    else:
        heading = (
            f"{found.task[0]}, {who}: {found.gained} answers that only {variant} has right, {found.lost} only {against}"
        )
    print(f"\n{heading}")
    rows = [
        (each.example_id, each.trial, each.position, each.gold, each.predicted_against, each.predicted)
        for each in found.shown
    ]
    out.print(table(("example", "trial", "position", "gold", against, variant), rows, right=(1, 2)))


def _details(comparison: Comparison) -> Table:
    from harness.cli.screen import table
    from harness.compare import task_name

    names = (_who(comparison.against), _who(comparison.variant))
    headers = ("task", "examples", "seeds", *names, "difference", "95 % interval", "p (adj.)", "MDE", "verdict")
    labels = _labels([comparison])
    rows = [
        (
            labels[task_name(task.key)],
            task.n_examples,
            task.n_seeds if any(seed is not None for seed in (*task.seeds, *task.seeds_against)) else None,
            _score(task, task.score_against),
            _score(task, task.score),
            _signed(task, task.difference),
            _interval(task),
            "–" if task.p_adjusted is None else f"{task.p_adjusted:.4f}",
            None if task.mde is None else _score(task, task.mde),
            _verdict(task),
        )
        for task in comparison.tasks
    ]
    return table(headers, rows, right=range(1, 9))


def _overview(comparisons: Sequence[Comparison]) -> Table:
    """One row a task, one column a variant: the difference from the baseline, a mark where the test is sure."""
    from harness.cli.screen import table
    from harness.compare import task_name

    marks = {"better": " ▲", "worse": " ▼", "equivalent": " ="}
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
    headers = ("task", _who(comparisons[0].against), *(_who(comparison.variant) for comparison in comparisons))
    return table(headers, rows, right=range(1, len(names) + 2))


def _who(entry: Entry) -> str:
    return f"{entry.variant} (reference)" if entry.is_reference else entry.variant


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


def _verdict(task: TaskComparison) -> str:
    if task.tie and task.verdict == "undecided":
        return "undecided: within the noise floor"
    return f"{task.verdict}, within the margin" if task.negligible else task.verdict


def _interval(task: TaskComparison) -> str:
    if task.interval is None:
        return "–"
    return f"{_signed(task, task.interval.low)} … {_signed(task, task.interval.high)}"


def _flips_as_dict(found: Flips) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)


def _as_dict(comparison: Comparison) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.compare import overall, scope, sentence

    return {
        "base": comparison.variant.base,
        "variant": comparison.variant.variant,
        "against": comparison.against.variant,
        "references": [e.variant for e in (comparison.variant, comparison.against) if e.is_reference],
        "alpha": comparison.alpha,
        "family": comparison.family,
        "contrasts_sha256": comparison.declaration,
        "sentence": sentence(comparison),
        "overall": overall(comparison),
        "scope": scope(comparison),
        "tasks": [asdict(task) for task in comparison.tasks],
        "across_tasks": None if comparison.across is None else asdict(comparison.across),
        "replicability": None if comparison.replicability is None else asdict(comparison.replicability),
        "problems": list(comparison.problems),
    }
