"""What is said of an axis, in words that claim no more than the tests."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.axis.results import TREND, AxisAnalysis, Interaction, MeanEffect, Sampled
from harness.compare.axis.width import smallest_width
from harness.compare.contrasts import VariantContrast
from harness.compare.estimates import SEEDS_FOR_A_RECIPE
from harness.compare.results import Verdict
from harness.compare.wording import over_of

COUNTED: tuple[Verdict, ...] = ("better", "worse", "equivalent", "undecided")


def step_label(step: VariantContrast) -> str:
    """What a step is called: "bidir-mntp − bidir"."""
    return f"{step.variant} − {step.against}"


def sum_label(level: str, against: str) -> str:
    """What an interaction is called: "deep − wide"; the trend is one a level."""
    return "trend a level" if level == TREND else f"{level} − {against}"


def interaction_label(found: Interaction | MeanEffect) -> str:
    """What an interaction is called, without its step."""
    return sum_label(found.level, found.against)


def over_what(analysis: AxisAnalysis) -> str:
    """Say what the wider interval beside an interaction takes as a sample."""
    replicated = any(len(level.bases) > 1 for level in analysis.axis.levels)
    return "over pretraining seeds" if replicated else "over training seeds"


def axis_sentence(analysis: AxisAnalysis) -> str:
    """Say what the axis is, level by level.

    "Axis shape, depth in place of width: wide (wide-0, wide-1), deep (deep-0)."
    """
    axis = analysis.axis
    levels = [
        level.name if level.bases == (level.name,) else f"{level.name} ({', '.join(level.bases)})"
        for level in axis.levels
    ]
    return f"Axis {axis.name}, {axis.change}: {', '.join(levels)}."


def counts(analysis: AxisAnalysis) -> tuple[str, ...]:
    """Say of each step how many of its interactions have which verdict, those of the language model apart.

    "bidir − causal: of 24 interactions 3 are better, 1 is worse, 20 are undecided."
    """
    said = []
    for retention, noun in ((False, "interaction"), (True, "interaction of the language model")):
        for step in analysis.steps:
            verdicts: list[Verdict] = [
                i.verdict
                for i in analysis.interactions
                if i.step == step and i.is_retention == retention and i.verdict != "descriptive"
            ]
            if not verdicts:
                continue
            kinds = [(n, kind) for kind in COUNTED if (n := verdicts.count(kind))]
            parts = ", ".join(f"{n} {'is' if n == 1 else 'are'} {kind}" for n, kind in kinds)
            plural = noun.replace("interaction", "interactions") if len(verdicts) != 1 else noun
            said.append(f"{step_label(step)}: of {len(verdicts)} {plural}, {parts}.")
    return tuple(said)


def width_sentence(analysis: AxisAnalysis) -> str:
    """Say at which width all vectors were read; empty where each base is read at its own."""
    if analysis.width is None:
        return ""
    smallest = ", the smallest of these bases" if smallest_width(analysis.facts) == analysis.width else ""
    return (
        f"All vectors are read at width {analysis.width}{smallest}: a fixed random projection maps those of each base "
        "to so many numbers, so that a linear probe has the same number of weights on every base. The intervals do not "
        "cover the draw of the projection."
    )


def how_to_read(analysis: AxisAnalysis) -> str:
    """Say what a verdict means here."""
    first = analysis.axis.first.name
    return (
        f"An interaction is the effect of a step on a level less its effect on {first}, in the metric's unit. Better: "
        f"the step gains more there than on {first} (or loses less). Worse: it gains less there."
    )


def scope_of_axis(analysis: AxisAnalysis) -> str:
    """Say what the intervals and verdicts cover, and what they do not."""
    sampled = {each.sampled for each in analysis.interactions} | {each.sampled for each in analysis.effects}
    if not sampled:
        return ""
    return " ".join(_SCOPES[each] for each in _SCOPES if each in sampled) + _beside(analysis)


_SCOPES: dict[Sampled, str] = {
    "pretraining seeds": "Where each level has five or more bases, the intervals cover the examples and the "
    "pretraining seeds, each with its training seeds: the result holds for levels as these are made.",
    "training seeds": "Where each base has five or more training seeds, the intervals cover the examples and the "
    "training seeds: the result holds for the recipe on these bases. Other pretraining seeds may give another result.",
    "checkpoints": "The intervals cover the examples alone: the result holds for these bases and these checkpoints. "
    "Other pretraining seeds or training seeds may give another result.",
}


def _beside(analysis: AxisAnalysis) -> str:
    replicates = [len(level.bases) for level in analysis.axis.levels]
    few = min(replicates)
    if not 1 < few < SEEDS_FOR_A_RECIPE:
        return ""
    to = "" if few == max(replicates) else f" to {max(replicates)}"
    return (
        f" A level has {few}{to} bases, which differ in their pretraining seed. The column “over pretraining seeds” "
        "takes them as a sample: its interval is wide, because the variance of so few is hardly known, and no verdict "
        f"rests on it. A claim about other pretraining seeds takes {SEEDS_FOR_A_RECIPE} bases a level."
    )


def family_of_axis(analysis: AxisAnalysis) -> str:
    """Say over how many tests the p values are adjusted."""
    tested: Sequence[Interaction] = [i for i in analysis.interactions if i.p_adjusted is not None]
    sizes = {i.is_retention: i for i in tested}
    at = "" if analysis.width is None else f" at width {analysis.width}"
    said = [
        f"{sizes[q].family_size} tests of {'the language model' if q else 'the encoder'}: {over_of(sizes[q])}"
        for q in sorted(sizes)
    ]
    return (
        f"The p values are adjusted for several tests (the family of interactions{at}: {', '.join(said)})."
        if said
        else ""
    )


def means_sentence(analysis: AxisAnalysis) -> str:
    """Say why means are shown without a test, if they are; else how they are tested."""
    of = [each for each in analysis.means if each.against or each.level == TREND]
    if not of:
        return ""
    if all(each.verdict is None for each in of):
        return f"The means over {max(m.across.n_tasks for m in of)} tasks are not tested: so few tasks show nothing."
    return "The means over tasks take the tasks as a sample; their p values are adjusted by Holm over all of them."


def described(analysis: AxisAnalysis) -> tuple[str, ...]:
    """All sentences about an axis, a line each."""
    said = (
        width_sentence(analysis), how_to_read(analysis), *counts(analysis), scope_of_axis(analysis),
        family_of_axis(analysis), means_sentence(analysis), *analysis.problems,
    )  # fmt: skip
    return tuple(line for line in said if line)
