"""Comparisons on the terminal: tables and sentences that `harness compare` and `harness run` print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.api import describe
from harness.cli.screen import out, say
from harness.cli.tables import PlainTable, pivot, table
from harness.compare.entries import Entry
from harness.compare.posterior import ComparisonPosterior
from harness.compare.results import Comparison, TaskComparison
from harness.compare.wording import cautions, leave_one_out, left_out, look_of, overall, scope, sentence, task_label
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.stats.hierarchical import Posterior


def print_comparison(comparison: Comparison, *, wide: bool = False) -> None:
    """Table and sentences; on a terminal that is too narrow for all columns, only the most important ones."""
    details = _details(comparison)
    narrow = not wide and not details.fits(out.width)
    if narrow:  # without the columns of scores, whose heads name the two
        say(f"{comparison.variant.variant} − {comparison.against.variant}\n")
    out.print(_narrow(comparison) if narrow else details)
    if narrow:
        say("\n--wide also shows examples, units, seeds, scores, p values and MDE.")
    out.print()
    say(describe(comparison))


def print_posterior(found: ComparisonPosterior, labels: Sequence[TaskPart]) -> None:
    """The hierarchical model, after the tests: a table with the mean and a row a task, and what it rests on."""
    near = f"P(within ±{found.margin:g})"
    rows = [("mean over tasks", None, *_effect(found.mean))]
    rows += [
        (task_label(each.task, tuple(labels)), f"{each.observed:+.1f}", *_effect(each.effect)) for each in found.tasks
    ]
    headers = ("hierarchical model", "observed", "posterior median", "95 % interval", "P(> 0)", near)
    out.print()
    out.print(table(headers, rows, right=range(1, 6)))
    names = {"task": "tasks", "data": "data that tasks share", "seed": "training seeds", "rest": "seeds within a task"}
    spreads = ", ".join(f"{names[name]} {value:.1f}" for name, value in found.spreads.items())
    seeds = f"{found.n_seeds} training seed{'s' * (found.n_seeds != 1)}"
    say(f"\nIn points. Standard deviations over {spreads}; {seeds if found.n_seeds else 'nothing was trained'}.")
    if found.n_seeds == 1:
        say("With one training seed only the prior says how much seeds differ.")
    if found.left_out:
        say(f"Left out, because the variance is not known: {', '.join(found.left_out)}.")
    say(
        "A task's posterior is pulled towards the other tasks. The verdicts above rest on the tests, not on this model."
    )


def _effect(effect: Posterior) -> tuple[str, ...]:
    span = f"{effect.low:+.1f} … {effect.high:+.1f}"
    return (f"{effect.median:+.1f}", span, _percent(effect.above), _percent(effect.negligible))


def _percent(share: float) -> str:
    """A share of 4,000 draws: never more certain than they are."""
    return "> 99.9 %" if share > 0.999 else "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _details(comparison: Comparison) -> PlainTable:
    names = (_who(comparison.against), _who(comparison.variant))
    sizes = ("examples", "units", "seeds")
    headers = ("task", *sizes, *names, "difference", "95 % interval", "p (adj.)", "MDE", "verdict")
    labels = _labels([comparison])
    rows = [
        (
            labels[task.key.part],
            task.n_examples,
            task.n_units,
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
    return table(headers, rows, right=range(1, 10))


def _narrow(comparison: Comparison) -> PlainTable:
    labels = _labels([comparison])
    rows = [(labels[t.key.part], _signed(t, t.difference), _interval(t), _verdict(t)) for t in comparison.tasks]
    return table(("task", "difference", "95 % interval", "verdict"), rows, right=(1, 2))


def overview(comparisons: Sequence[Comparison]) -> PlainTable:
    """One row a task, one column a variant: the difference from the causal base, a mark where the test is sure."""
    marks = {"better": " ▲", "worse": " ▼", "equivalent": " ="}
    labels = _labels(comparisons)
    cells: list[tuple[tuple[str], str, str]] = []
    for each in comparisons:
        for task in each.tasks:
            row, difference = (labels[task.key.part],), _signed(task, task.difference)
            cells.append((row, _who(each.against), _score(task, task.score_against)))
            cells.append((row, _who(each.variant), difference + marks.get(task.verdict, "  ")))
    names = [_who(comparisons[0].against), *(_who(each.variant) for each in comparisons)]
    return table(("task", *names), pivot(names, cells), right=range(1, len(names) + 1))


def _who(entry: Entry) -> str:
    return f"{entry.variant} (reference)" if entry.is_reference else entry.variant


def _labels(comparisons: Sequence[Comparison]) -> dict[TaskPart, str]:
    """What each task is called here: its name, and split or subset only where several share it."""
    names = tuple(dict.fromkeys(task.key.part for comparison in comparisons for task in comparison.tasks))
    return {name: task_label(name, names) for name in names}


def _score(task: TaskComparison, score: float) -> str:
    return get_metric(task.key.metric).write(score)


def _signed(task: TaskComparison, difference: float) -> str:
    return get_metric(task.key.metric).write_change(difference)


def _verdict(task: TaskComparison) -> str:
    if task.tie and task.verdict == "undecided":
        return "undecided: within the noise floor"
    return f"{task.verdict}, within the margin" if task.negligible else task.verdict


def _interval(task: TaskComparison) -> str:
    if task.interval is None:
        return "–"
    return f"{_signed(task, task.interval.low)} … {_signed(task, task.interval.high)}"


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "base": comparison.variant.base,
        "variant": comparison.variant.variant,
        "against": comparison.against.variant,
        "references": [e.variant for e in (comparison.variant, comparison.against) if e.is_reference],
        "alpha": comparison.alpha,
        "look": None if comparison.look is None else asdict(comparison.look) | {"sentence": look_of(comparison)},
        "family": comparison.family,
        "contrasts_sha256": comparison.declaration,
        "sentence": sentence(comparison),
        "overall": overall(comparison),
        "leave_one_out": leave_one_out(comparison),
        "scope": scope(comparison),
        "left_out": left_out(comparison),
        "cautions": cautions(comparison),
        "tasks": [asdict(task) for task in comparison.tasks],
        "across_tasks": None if comparison.across is None else asdict(comparison.across),
        "without": None if comparison.without is None else asdict(comparison.without),
        "replicability": None if comparison.replicability is None else asdict(comparison.replicability),
        "problems": list(comparison.problems),
    }
