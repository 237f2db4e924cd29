"""What a comparison says, in words that claim no more than the tests."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.results import Comparison, Seeds, TaskName

SEEDS_FOR_A_RECIPE = 5


def sentence(comparison: Comparison) -> str:
    """Return the result of a comparison in one sentence.

    "On base mini, bidir-supcon is better than causal on 9 of 13 tasks (Holm-adjusted p < .05), worse on 1,
    undecided on 3." Tasks that are described but not tested are counted apart, and so is retention, a question of
    its own: "As a language model it is better on none of 1 measure, worse on 1; 6 measures are described, not tested."
    """
    variant, against = comparison.variant, comparison.against
    where = f"On base {variant.base}, " if variant.base else ""
    other = against.variant if against.base in ("", variant.base) else f"{against.variant} on {against.base}"
    encoder, language = (_Counts.of(comparison, retention=retention) for retention in (False, True))
    level = f" (Holm-adjusted p < {f'{comparison.alpha:g}'.removeprefix('0')})"
    if encoder.tested:
        text = f"{where}{variant.variant} is better than {other} on {encoder.tally('task', level)}."
        return (
            f"{text} As a language model it is better on {language.tally('measure', '')}." if language.tested else text
        )
    if language.tested:
        tally = language.tally("measure", level)
        return f"{where}as a language model {variant.variant} is better than {other} on {tally}."
    reason = encoder.aside("task") or language.aside("measure") or "they share no task"
    return f"{where}{variant.variant} and {other} were not tested against each other: {reason}."


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """Tasks of one question by verdict; `kind` goes before the noun of those that are described."""

    better: int
    worse: int
    undecided: int
    described: int
    kind: str

    @classmethod
    def of(cls, comparison: Comparison, *, retention: bool) -> _Counts:
        better, worse, undecided, described = (
            comparison.count(verdict, retention=retention)
            for verdict in ("better", "worse", "undecided", "descriptive")
        )
        return cls(
            better=better,
            worse=worse,
            undecided=undecided,
            described=described,
            kind="" if retention else "clustering ",
        )

    @property
    def tested(self) -> int:
        return self.better + self.worse + self.undecided

    def aside(self, noun: str) -> str:
        if not self.described:
            return ""
        return f"{_count(self.described, self.kind + noun)} {_is(self.described)} described, not tested"

    def tally(self, noun: str, level: str) -> str:
        """ "9 of 13 tasks (…), worse on 1, undecided on 3; 1 clustering task is described, not tested"."""
        parts = [f"{self.better or 'none'} of {_count(self.tested, noun)}{level}"]
        parts += [f"worse on {self.worse}"] if self.worse else []
        parts += [f"undecided on {self.undecided}"] if self.undecided else []
        text = ", ".join(parts)
        return f"{text}; {self.aside(noun)}" if self.described else text


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
