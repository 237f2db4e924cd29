"""The answer of a page: one sentence with the mean effect, its interval and its verdict, and one count of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.overall import MeanVerdict
from harness.compare.results import Comparison
from harness.compare.wording import over_of, sentence

JudgedPair = tuple[Comparison, MeanVerdict | None]


def headline(comparison: Comparison, mean: MeanVerdict | None, *, base: bool = True) -> str:
    """Say what the mean over the tasks shows, with its verdict (`mean`; None: not tested).

    "On base mini, bidir-supcon is better than causal: +27.1 points on average over 12 tasks (95 % interval +14.3 to
    +39.8)." Where there is no mean, the tasks are counted (`sentence`).
    """
    across, variant, against = comparison.across, comparison.variant, comparison.against
    if across is None:
        return sentence(comparison, untested=False)
    where = f"On base {variant.base}, " if base and variant.base else ""
    raw, tasks = across.raw, f"{across.n_tasks} task{'s' * (across.n_tasks != 1)}"
    on = f"on average over {tasks}" if across.n_tasks > 1 else f"on {tasks}"
    ends = raw.interval
    span = "" if ends is None else f" (95 % interval {_points(ends.low)} to {_points(ends.high)})"
    if mean is None:
        apart = f"scores {abs(100 * raw.value):.1f} points {'higher' if raw.value > 0 else 'lower'} than"
        apart = "scores as high as" if _points(abs(raw.value)) == "+0.0" else apart
        return f"{where}{variant.variant} {apart} {against.variant} {on}{span}. This mean is not tested."
    said = {
        "better": f"{variant.variant} is better than {against.variant}",
        "worse": f"{variant.variant} is worse than {against.variant}",
    }.get(mean.verdict, f"it is open whether {variant.variant} is better than {against.variant}")
    said = f"{where}{said}: {_points(raw.value)} points {on}{span}."
    return said[0].upper() + said[1:] if said.startswith("it is") else said


def one_by_one(comparison: Comparison) -> str:
    """Count the encoder's tasks by their own verdicts, and say over how many tests their p values are adjusted.

    "One by one: better on 10 of 12 tasks, undecided on 2 (p ≤ .05, adjusted over 8 contrasts × 12 tasks)."
    """
    tested = [task for task in comparison.tasks if not task.is_retention and task.verdict != "descriptive"]
    if not tested:
        return ""
    counts = [(kind, sum(task.verdict == kind for task in tested)) for kind in ("better", "worse", "equivalent")]
    parts = [f"{kind} on {n or 'none'}" for kind, n in counts if n or kind == "better"]
    parts[0] += f" of {len(tested)} task{'s' * (len(tested) != 1)}"
    left = sum(task.verdict == "undecided" for task in tested)
    parts += [f"undecided on {left}"] if left else []
    judged = [task for task in tested if task.p_adjusted is not None]
    level = f"p ≤ {comparison.alpha:g}".replace("0.", ".")
    how = "" if not judged else f" ({level}, adjusted over {over_of(judged[0])})"
    if comparison.family == "exploratory":
        how = f" (exploratory, false discovery rate {level[4:]})"
    return f"One by one: {', '.join(parts)}{how}.{_as_language_model(comparison)}"


def _as_language_model(comparison: Comparison) -> str:
    tested = [task.verdict for task in comparison.tasks if task.is_retention and task.verdict != "descriptive"]
    kinds = [f"{kind} on {n}" for kind in ("better", "worse", "equivalent", "undecided") if (n := tested.count(kind))]
    return f" As a language model: {', '.join(kinds)} of {len(tested)}." if kinds else ""


def over_bases(judged: Sequence[JudgedPair]) -> str:
    """Say what one contrast shows on several bases, each tested on its own.

    "bidir-supcon is better than causal on 3 of 5 bases, undecided on 2: between +1.2 and +31.0 points on average over
    the tasks."
    """
    first = judged[0][0]
    names = f"{first.variant.variant} is better than {first.against.variant}"
    kinds = [mean.verdict if mean else "not tested" for _, mean in judged]
    n = len(judged)
    better = kinds.count("better")
    text = f"{names} on {'all' if better == n > 1 else better or 'none'} of {n} bases"
    for kind in ("worse", "undecided", "not tested"):
        if found := kinds.count(kind):
            text += f", {kind} on {found}"
    values = [c.across.raw.value for c, _ in judged if c.across is not None]
    if not values:
        return f"{text}."
    low, high = _points(min(values)), _points(max(values))
    span = f"between {low} and {high}" if low != high else low
    return f"{text}: {span} points on average over the tasks."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
