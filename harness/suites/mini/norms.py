"""Norms: regress a rating of heaviness, 1 to 9, from the vector of a thing in its context.

A rating belongs to a meaning in context: an anvil made of cardboard is light. It is the thing's own heaviness in
the lexicon plus the shift of a modifier before or after it, the quantities the corpus is written from. Folds keep
near-synonyms together (they share a rating), and the concept is the unit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.mini import grammar
from harness.mini.lexicon import load_lexicon
from harness.probes.linear import regress_out_of_fold
from harness.suites.mini import Draw
from harness.suites.mini.words import WordItem, WordItems, last_layer, outcomes_of, span_of, spread_over_folds

# How often a form stands bare, with a modifier before it, and with one after it.
BARE, BEFORE, AFTER = 4, 3, 3


def write_norms(draw: Draw) -> list[WordItem]:
    """All items of a draw: every form of every thing of the held-out topics, in ten contexts."""
    lexicon, rng = load_lexicon(), random.Random(f"norms:{draw}")
    items: list[WordItem] = []
    for topic in lexicon.of_side("test"):
        for thing in topic.things:
            for word in thing.forms:
                contexts = [(word, 0.0)] * BARE
                before, after = rng.sample(lexicon.modifiers_before, BEFORE), rng.sample(lexicon.modifiers_after, AFTER)
                contexts += [(f"{phrase} {word}", shift) for phrase, shift in before]
                contexts += [(f"{word} {phrase}", shift) for phrase, shift in after]
                for phrase, shift in contexts:
                    frame = grammar.neutral_frame(lexicon.neutral, rng, reserved=True)
                    heaviness = min(max(thing.heaviness + shift, 0.0), 1.0)
                    items.append(
                        WordItem(
                            example_id=f"{len(items)}:{word}",
                            texts=(grammar.fill(frame.replace(grammar.SLOT, phrase)),),
                            word=word,
                            unit=f"{topic.name}:{thing.index}",
                            gold=1 + 8 * heaviness,
                        )
                    )
    return items


def read_norms(items: Sequence[WordItem], encoder: TextEncoder) -> pd.DataFrame:
    """Outcomes of the items: the rating, 1 (light) to 9 (heavy), and its out-of-fold prediction, unit = concept."""
    vectors_ND, layer = last_layer(
        encoder, [item.texts[0] for item in items], [span_of(item.texts[0], item.word) for item in items]
    )
    ratings = np.array([item.gold for item in items])
    predicted = regress_out_of_fold(vectors_ND, ratings, spread_over_folds(items))
    return outcomes_of(items, layer, gold_score=ratings, predicted_score=predicted)


MiniNorms = partial(WordItems, write=write_norms, read=read_norms)
