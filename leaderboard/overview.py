"""Several bases at a glance: every base × step with its mean effect."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.contrasts import VariantContrast
from harness.compare.headline import headline, over_bases
from leaderboard.model import BaseSection, ComparedPair, Site


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One sentence for each headline, and a row a base: a comparison a step, None where it was not measured."""

    sentences: tuple[str, ...]
    steps: tuple[VariantContrast, ...]
    rows: tuple[tuple[BaseSection, tuple[ComparedPair | None, ...]], ...]


def base_sentence(base: BaseSection) -> str:
    """Return the main result of a base in one sentence."""
    if base.answer is None:
        return f"Scores on base {base.name}." if base.name else "Scores of reference models."
    return headline(base.answer.comparison, base.answer.mean)


def make_overview(site: Site) -> Overview:
    """Arrange the headline and the ladder of every base."""
    answers: dict[tuple[str, str], list[ComparedPair]] = {}
    for base in site.bases:
        if base.answer is not None:
            answers.setdefault(base.answer.names, []).append(base.answer)
    sentences = [
        over_bases([(pair.comparison, pair.mean) for pair in pairs])
        if len(pairs) > 1
        else headline(pairs[0].comparison, pairs[0].mean)
        for pairs in answers.values()
    ]
    found = [{pair.names: pair for pair in base.pairs} for base in site.bases]
    declared = [VariantContrast(variant=variant, against=against) for variant, against in answers]
    steps = [
        step
        for step in {(s.variant, s.against): s for s in (*declared, *site.contrasts.ladder)}.values()
        if any((step.variant, step.against) in pairs for pairs in found)
    ]
    return Overview(
        sentences=tuple(sentences) or ("No base has two variants of the ladder yet: there is nothing to compare.",),
        steps=tuple(steps),
        rows=tuple(
            (base, tuple(pairs.get((step.variant, step.against)) for step in steps))
            for base, pairs in zip(site.bases, found, strict=True)
        ),
    )
