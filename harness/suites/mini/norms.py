"""Norms: regress a rating of heaviness, 1 to 9, from the vector of a thing in its context.

A rating belongs to a meaning in context: an anvil made of cardboard is light. It is the thing's own heaviness in
the lexicon plus the shift of a modifier before or after it, the quantities the corpus is written from. Folds keep
near-synonyms together (they share a rating), and the concept is the unit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.mini import grammar
from harness.mini.frames import SLOT, neutral_frame
from harness.mini.lexicon import load_lexicon
from harness.outcomes import make_outcomes
from harness.probes.linear import regress_out_of_fold
from harness.suites.mini import Draw
from harness.suites.mini.words import WordItems, last_layer, span_of, spread_over_folds

# How often a form stands bare, with a modifier before it, and with one after it.
BARE, BEFORE, AFTER = 4, 3, 3


@dataclass(frozen=True)
class NormItem:
    """A thing in a sentence and its rating there, 1 (light) to 9 (heavy)."""

    text: str
    word: str
    concept: str
    rating: float

    @property
    def texts(self) -> tuple[str, ...]:
        """The item's one sentence."""
        return (self.text,)


def write_norms(draw: Draw) -> list[NormItem]:
    """All items of a draw: every form of every thing of the held-out topics, in ten contexts."""
    lexicon, rng = load_lexicon(), random.Random(f"norms:{draw}")
    items: list[NormItem] = []
    for topic in lexicon.of_side("test"):
        for thing in topic.things:
            for word in thing.forms:
                contexts = [(word, 0.0)] * BARE
                contexts += [(f"{m.phrase} {word}", m.shift) for m in rng.sample(lexicon.modifiers_before, BEFORE)]
                contexts += [(f"{word} {m.phrase}", m.shift) for m in rng.sample(lexicon.modifiers_after, AFTER)]
                for phrase, shift in contexts:
                    frame = neutral_frame(lexicon.neutral, rng, reserved=True)
                    heaviness = min(max(thing.heaviness + shift, 0.0), 1.0)
                    items.append(
                        NormItem(
                            text=grammar.fill(frame.replace(SLOT, phrase)),
                            word=word,
                            concept=f"{topic.name}:{thing.index}",
                            rating=1 + 8 * heaviness,
                        )
                    )
    return items


def read_norms(items: Sequence[NormItem], encoder: TextEncoder) -> pd.DataFrame:
    """Outcomes of the items: the rating and its out-of-fold prediction, unit = concept."""
    vectors_ND, layer = last_layer(
        encoder, [item.text for item in items], [span_of(item.text, item.word) for item in items]
    )
    ratings = np.array([item.rating for item in items])
    concepts = [item.concept for item in items]
    folds = spread_over_folds(concepts, random.Random(0))
    predicted = regress_out_of_fold(vectors_ND, ratings, np.array([folds[concept] for concept in concepts]))
    columns: dict[str, object] = {
        "example_id": [f"{i}:{item.word}" for i, item in enumerate(items)],
        "unit": concepts,
        "trial": 0,
        "layer": layer,
        "gold_score": ratings,
        "predicted_score": predicted,
    }
    return make_outcomes(columns, len(items))


def MiniNorms(draw: Draw = "test") -> WordItems:  # noqa: N802
    """Heaviness of a thing in its context."""
    return WordItems(draw=draw, write=write_norms, read=read_norms)
