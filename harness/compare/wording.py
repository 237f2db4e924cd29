"""What a comparison says, in words that claim no more than the tests."""

from __future__ import annotations

from harness.compare.results import Comparison, Seeds, TaskName

SEEDS_FOR_A_RECIPE = 5


def sentence(comparison: Comparison) -> str:
    """Return the result of a comparison in one sentence.

    "On base mini, bidir-supcon is better than causal on 9 of 13 tasks (Holm-adjusted p < .05), worse on 1,
    undecided on 3." Tasks that are described but not tested are counted apart.
    """
    variant, against = comparison.variant, comparison.against
    better, worse, undecided = (comparison.count(v) for v in ("better", "worse", "undecided"))
    tested, described = better + worse + undecided, comparison.count("descriptive")
    where = f"On base {variant.base}, " if variant.base else ""
    other = against.variant if against.base in ("", variant.base) else f"{against.variant} on {against.base}"
    aside = f"{_count(described, 'clustering task')} {_is(described)} described, not tested"
    if not tested:
        reason = aside if described else "they share no task"
        return f"{where}{variant.variant} and {other} were not tested against each other: {reason}."
    first = f"{better} of {_count(tested, 'task')}" if better else f"none of {_count(tested, 'task')}"
    level = f"{comparison.alpha:g}".removeprefix("0")
    parts = [f"{where}{variant.variant} is better than {other} on {first} (Holm-adjusted p < {level})"]
    parts += [f"worse on {worse}"] if worse else []
    parts += [f"undecided on {undecided}"] if undecided else []
    text = ", ".join(parts)
    return f"{text}; {aside}." if described else f"{text}."


def scope(comparison: Comparison) -> str:
    """Return what the claim is about: checkpoints, never the recipe, as long as seeds are not resampled."""
    seeds = {s for task in comparison.tasks for s in (*task.seeds, *task.seeds_against)} - {None}
    return scope_of(tuple(sorted(s for s in seeds if s is not None)))


def scope_of(seeds: Seeds) -> str:
    """Return the scope of a claim that rests on these training seeds.

    >>> scope_of((0, 1, 2))
    '3 training seeds: this is about these 3 checkpoints, not about the recipe.'
    """
    n = len([s for s in seeds if s is not None])
    if n == 0:
        return "Nothing was trained: this is about this base."
    if n == 1:
        return "One training seed: this is about this checkpoint, not about the recipe."
    if n < SEEDS_FOR_A_RECIPE:
        return f"{n} training seeds: this is about these {n} checkpoints, not about the recipe."
    return (
        f"{n} training seeds: intervals and tests cover the examples, so this is about these {n} "
        "checkpoints; the spread over seeds is shown beside it."
    )


def task_label(name: TaskName, names: tuple[TaskName, ...]) -> str:
    """Return the shortest name of a task that tells it from the others in `names`."""
    task, split, subset = name
    same = [other for other in names if other[0] == task]
    if len(same) == 1:
        return task
    tail = [part for i, part in enumerate((split, subset), 1) if len({other[i] for other in same}) > 1]
    return f"{task} ({', '.join(tail)})"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _is(n: int) -> str:
    return "is" if n == 1 else "are"
