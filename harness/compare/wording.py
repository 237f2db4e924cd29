"""What a comparison says, in words that claim no more than the tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.compare.estimates import SEEDS_FOR_A_RECIPE
from harness.compare.overall import mean_verdict
from harness.compare.results import Comparison, Family, JudgedDifference, Seeds, TaskComparison
from harness.metrics import get_metric
from harness.outcomes import TaskPart
from harness.stats.across import LEAST_TASKS
from harness.stats.estimate import Estimate
from harness.stats.leave_out import Without

ENOUGH_UNITS = 50  # with fewer the tests are not calibrated

_LEVEL: dict[Family, str] = {
    "declared": "family-wise p ≤ {alpha}",
    "all pairs": "family-wise p ≤ {alpha} among all pairs",
    "exploratory": "exploratory, false discovery rate {alpha}",
}


def sentence(comparison: Comparison, *, untested: bool = True) -> str:
    """Return the result of a comparison in one sentence.

    "On base mini, bidir-supcon is better than causal on 9 of 13 tasks (family-wise p ≤ .05), worse on 1, equivalent
    on 1, undecided on 2." Retention is a question of its own, with a sentence of its own: "As a language model it is
    better on none of 1 measure, worse on 1; 6 measures are shown without a test." With `untested` tasks that are shown
    without a test are counted.
    """
    variant, against = comparison.variant, comparison.against
    where = f"On base {variant.base}, " if variant.base else ""
    other = against.variant if against.base in ("", variant.base) else f"{against.variant} on {against.base}"
    encoder, language = (_Counts(comparison, retention=retention) for retention in (False, True))
    level = f" ({_LEVEL[comparison.family].format(alpha=_short(comparison.alpha))})"
    if encoder.tested:
        text = f"{where}{variant.variant} is better than {other} on {encoder.tally('task', level, untested)}."
        return (
            f"{text} As a language model it is better on {language.tally('measure', '', untested)}."
            if language.tested
            else text
        )
    if language.tested:
        tally = language.tally("measure", level, untested)
        return f"{where}as a language model {variant.variant} is better than {other} on {tally}."
    reason = encoder.aside("task") or language.aside("measure") or "they share no task"
    return f"{where}{variant.variant} and {other} were not tested against each other: {reason}."


def untested_tasks(comparison: Comparison) -> str:
    """Return how many tasks have no test, as a sentence; empty if all have one.

    "1 clustering task is shown without a test."
    """
    parts = [_Counts(comparison, retention=r).aside(noun) for r, noun in ((False, "task"), (True, "measure"))]
    text = "; ".join(part for part in parts if part)
    return f"{text}." if text else ""


def overall(comparison: Comparison) -> str:
    """Return the mean over the tasks, on how many of them the variant is better, and a warning; may be empty.

    "Mean over 12 tasks: +27.1 points (+14.3 to +39.8, p = .002), standardised effect +0.57 (+0.31 to +0.83). Counting
    all tasks together, the true number of tasks where it is better is at least 11 of 12 (95 % confidence). With only 12
    tasks, do not generalise to other tasks."
    """
    parts = []
    across, shown = comparison.across, comparison.replicability
    tested = across is not None and across.n_units >= LEAST_TASKS
    if across is not None and across.n_tasks > 1:
        text = f"Mean over {across.n_tasks} tasks: {100 * across.raw.value:+.1f} points{_ends(across.raw, 100, 1)}"
        apart = across.standardised
        if apart is not None:
            text += f", standardised effect {apart.value:+.2f}{_ends(apart, 1, 2)}"
        parts.append(f"{text}." if tested else f"{text}. {few_tasks(across.n_units)}")
    if shown is not None and shown.n_tasks > 1:
        confidence = f"{100 * (1 - shown.alpha):g} % confidence"
        better = f"the true number of tasks where it is better is at least {shown.at_least} of {shown.n_tasks}"
        parts.append(
            f"Counting all tasks together, {better} ({confidence}); this does not say which ones."
            if shown.at_least
            else f"No task can be said to be better with {confidence}."
        )
    if parts and across is not None and across.few and tested:
        parts.append(f"With only {across.n_tasks} tasks, do not generalise to other tasks.")
    return " ".join(parts)


def few_tasks(n_units: int) -> str:
    """Say that so few tasks show nothing of their mean, and what would."""
    return (
        f"The mean is not tested: {n_units} tasks with data of their own are too few to show a difference. "
        f"Measure at least {LEAST_TASKS}."
    )


def leave_one_out(comparison: Comparison) -> str:
    """Say how far the mean rests on one task or one seed; empty where nothing can be left out.

    "Leave one out: the mean lies between +24.1 and +29.9 points without any one task, between +26.8 and +27.4 points
    without any one seed. This is no further test." Where it changes what is said of the mean: "Without MiniSTS the mean
    is +1.2 and no longer better."
    """
    across, found = comparison.across, comparison.without
    if across is None or found is None or not (found.by_task or found.by_seed):
        return ""
    spans = [
        f"between {_points(min(values))} and {_points(max(values))} points without any one {what}"
        for what, each in (("task", found.by_task), ("seed", found.by_seed))
        if (values := [one.value for one in each])
    ]
    changed: dict[str, list[Without]] = {}
    for one in (*found.by_task, *found.by_seed):
        if said := _change(across.raw, one, alpha=comparison.alpha):
            changed.setdefault(said, []).append(one)
    lines = [_changed(comparison, said, each, across.raw.value) for said, each in changed.items()]
    return " ".join([f"Leave one out: the mean lies {', '.join(spans)}.", *lines, "This is no further test."])


def _change(mean: Estimate, without: Without, *, alpha: float) -> str:
    """Return how what is said of the mean changes if something is left out; empty if it does not."""
    if mean.p is not None and without.p is not None:
        before, after = (mean_verdict(each.value, each.p, alpha=alpha) for each in (mean, without))
        if before != after:
            return f"no longer {before}" if after == "undecided" else f"{after}, by its p alone"
    return "on the other side of 0" if mean.value * without.value < 0 else ""


def _changed(comparison: Comparison, said: str, each: Sequence[Without], mean: float) -> str:
    """ "Without MiniSTS the mean is +1.2 and no longer better. The same holds without A or B."."""
    first, *rest = sorted(each, key=lambda one: -abs(one.value - mean))
    text = f"Without {_named(comparison, first)} the mean is {_points(first.value)} and {said}."
    if not rest:
        return text
    others = [_named(comparison, one) for one in rest[:2]] + [_count(len(rest) - 2, "other")] * (len(rest) > 2)
    return f"{text} The same holds without {' or '.join(others)}."


def _named(comparison: Comparison, one: Without) -> str:
    if one.tasks:
        return " and ".join(one.tasks)
    side = "" if one.side is None else f" of {(comparison.variant, comparison.against)[one.side].variant}"
    return f"seed {one.seed}{side}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def left_out(comparison: Comparison) -> str:
    """Name the tasks that only one of the two was measured on, as a sentence; empty if there is none."""
    variant, against = comparison.variant.variant, comparison.against.variant
    parts = []
    for who, other in ((variant, against), (against, variant)):
        tasks = [task.task for task, measured in comparison.missing.items() if measured == who]
        if tasks:
            names = ", ".join(dict.fromkeys(tasks))
            parts.append(f"{names} ({_count(len(tasks), 'task')}): measured for {who} only, missing for {other}")
    return f"Left out: {'; '.join(parts)}." if parts else ""


def family_of(comparison: Comparison) -> str:
    """Say how many tests a family has, whose p values are adjusted; empty where nothing is tested."""
    said = [
        f"{_count(size.family_size, 'test')} of {'the language model' if size.is_retention else 'the encoder'}"
        + (f": {_spread_of(size)}" if size.family_pairs > 1 else "")
        for size in _families(comparison)
    ]
    what = {"exploratory": "false discovery rate", "declared": "the declared family"}.get(
        comparison.family, f"the family of {comparison.family}"
    )
    return f"The p values are adjusted for several tests ({what}: {', '.join(said)})." if said else ""


def over_of(task: JudgedDifference) -> str:
    """Return what the p values of a task's family are adjusted over: "8 contrasts × 12 tasks"."""
    whole = task.family_size == task.family_pairs * task.family_tasks
    return _spread_of(task) if whole else f"{_count(task.family_size, 'test')}: {_spread_of(task)}"


def _spread_of(task: JudgedDifference) -> str:
    pairs, tasks = _count(task.family_pairs, "contrast"), _count(task.family_tasks, "task")
    return f"{pairs} {'×' if task.family_size == task.family_pairs * task.family_tasks else 'on up to'} {tasks}"


def _families(comparison: Comparison) -> list[TaskComparison]:
    """Return one task of each question that is tested; all of them have the same family."""
    tested = {t.is_retention: t for t in comparison.tasks if t.p_adjusted is not None}
    return [tested[question] for question in sorted(tested)]


def cautions(comparison: Comparison) -> str:
    """Name what lies outside the designs in which `harness calibrate` finds the error rates kept; may be empty."""
    tested = [task for task in comparison.tasks if task.p_adjusted is not None]
    few = [f"{task.key.task} ({task.n_units})" for task in tested if task.n_units < ENOUGH_UNITS]
    said = [f"fewer than {ENOUGH_UNITS} units: {', '.join(few)}"] if few else []
    far = Counter(each for task in tested for each in task.outlying)
    said += [f"seed {s} of {who} lies far from its other seeds on {_count(n, 'task')}" for (who, s), n in far.items()]
    return f"Outside what is calibrated: {'; '.join(said)}." if said else ""


def _ends(estimate: Estimate, scale: float, digits: int) -> str:
    words = []
    if estimate.interval is not None:
        ends = estimate.interval
        words.append(f"{scale * ends.low:+.{digits}f} to {scale * ends.high:+.{digits}f}")
    if estimate.p is not None and digits == 1:
        words.append("p < .001" if estimate.p < 0.001 else f"p = {_short(round(estimate.p, 3))}")
    return f" ({', '.join(words)})" if words else ""


def _short(share: float) -> str:
    return f"{share:g}".removeprefix("0") or "0"


class _Counts:
    """Tasks of one question by verdict; `kind` goes before the noun of those without a test."""

    def __init__(self, comparison: Comparison, *, retention: bool) -> None:
        tasks = [task for task in comparison.tasks if task.is_retention == retention]
        self.better, self.worse, self.equivalent, self.undecided, self.described = (
            comparison.count(verdict, retention=retention)
            for verdict in ("better", "worse", "equivalent", "undecided", "descriptive")
        )
        self.ties = sum(task.tie and task.verdict == "undecided" for task in tasks)
        adjectives = {get_metric(task.key.metric).adjective for task in tasks if task.verdict == "descriptive"}
        self.kind = f"{adjectives.pop()} ".lstrip() if len(adjectives) == 1 else ""

    @property
    def tested(self) -> int:
        return self.better + self.worse + self.equivalent + self.undecided

    def aside(self, noun: str) -> str:
        if not self.described:
            return ""
        be = "is" if self.described == 1 else "are"
        return f"{_count(self.described, self.kind + noun)} {be} shown without a test"

    def tally(self, noun: str, level: str, untested: bool) -> str:
        """ "9 of 13 tasks (…), worse on 1, undecided on 3; 1 clustering task is shown without a test"."""
        parts = [f"{self.better or 'none'} of {_count(self.tested, noun)}{level}"]
        parts += [f"worse on {self.worse}"] if self.worse else []
        parts += [f"equivalent on {self.equivalent}"] if self.equivalent else []
        within = f" ({self.ties} within the noise floor)" if self.ties else ""
        parts += [f"undecided on {self.undecided}{within}"] if self.undecided else []
        text = ", ".join(parts)
        return f"{text}; {self.aside(noun)}" if self.described and untested else text


def look_of(comparison: Comparison) -> str:
    """Say which declared look this is and what it asks for; empty for a single test.

    "Look 2 of 3 (at 5, 7 and 10 seeds): p must be at most .0135. Add 3 seeds, or stop. The intervals are those of a
    single test."
    """
    look = comparison.look
    if look is None:
        return ""
    *first, last = map(str, look.seeds)
    then = f"Add {_count(look.more, 'seed')}, or stop." if look.more else "This is the last look."
    return (
        f"Look {look.number} of {len(look.seeds)} (at {', '.join(first)} and {last} seeds): p must be at most "
        f"{_short(look.alpha)}. {then} The intervals are those of a single test."
    )


def scope(comparison: Comparison) -> str:
    """Return what the claim is about: these checkpoints, or the recipe where five or more seeds are a sample."""
    references = [entry.variant for entry in (comparison.variant, comparison.against) if entry.is_reference]
    if references:
        are = "is a reference model" if len(references) == 1 else "are reference models"
        return f"{' and '.join(references)} {are}, trained elsewhere: the result holds for these checkpoints."
    tasks = [task for task in comparison.tasks if task.estimate is not None] or list(comparison.tasks)
    seeded = any(seed is not None for task in tasks for seed in (*task.seeds, *task.seeds_against))
    said = _scope(min(task.n_seeds for task in tasks) if seeded else 0)
    pairs = [(t.seeds, t.seeds_against) for t in tasks if set(t.seeds) != set(t.seeds_against)]
    unlike = [pair for pair in pairs if (None,) not in pair]
    if not unlike:
        return said
    sides = zip((comparison.variant.variant, comparison.against.variant), unlike[0], strict=True)
    seeds = " against ".join(f"{', '.join(map(str, own))} of {name}" for name, own in sides)
    return f"{said} The two have different seeds ({seeds}). All seeds are used, and none are paired."


def scope_of(seeds: Seeds) -> str:
    """Return the scope of a claim that rests on these training seeds.

    >>> scope_of((None,))
    'Nothing was trained: the result holds for this base.'
    """
    return _scope(sum(seed is not None for seed in seeds))


def _scope(n: int) -> str:
    if n == 0:
        return "Nothing was trained: the result holds for this base."
    if n >= SEEDS_FOR_A_RECIPE:
        return f"{n} training seeds, crossed with the examples: the result holds for the recipe on this base."
    who = "One training seed: the result holds for this checkpoint."
    if n > 1:
        who = f"{n} training seeds: the result holds for these {n} checkpoints."
    enough = f"at least {SEEDS_FOR_A_RECIPE} seeds (--seeds {SEEDS_FOR_A_RECIPE})"
    return f"{who} To claim something about the recipe, train {enough}."


def task_label(name: TaskPart, names: tuple[TaskPart, ...]) -> str:
    """Return the shortest name of a task that tells it from the others in `names`."""
    task, split, subset = name
    same = [other for other in names if other.task == task]
    if len(same) == 1:
        return task
    tail = [part for i, part in enumerate((split, subset), 1) if len({other[i] for other in same}) > 1]
    return f"{task} ({', '.join(tail)})"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
