"""Word in context: do two uses of a homonym have the same sense?

The cue to the sense stands only before the homonym (MiniWiCLeft) or only after it (MiniWiCRight). Items come in
twos with the same neutral words around the homonym, one of equal and one of different senses: a causal model
gives both items of a MiniWiCRight two the same cosine and is at 1/2 exactly. The decision is a threshold on the
cosine, chosen on the other folds; folds keep a homonym's items together, and the homonym is the unit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.mini import grammar
from harness.mini.lexicon import Concept, Lexicon, load_lexicon
from harness.probes.threshold import threshold_out_of_fold
from harness.suites.mini import Draw
from harness.suites.mini.words import WordItem, WordItems, last_layer, outcomes_of, span_of, spread_over_folds

TWOS_PER_HOMONYM = 20
_TRIES = 12
# {H} homonym, {A} agent, {V} verb, {S} somebody, {D} perceived, {W} where, {O} opener: the cue is {A}, {V} or {P}
_LEFT = (
    "{O} the {A} {V} the {H} {W} {N}.",
    "{O} in the {P} the {A} {D} the {H} {W} {N}.",
    "{O} somebody who had {V} it {D} the {H} {W} {N}.",
)
_RIGHT = (
    "{O} {S} {D} the {H} that the {A} had {V}.",
    "{O} {S} {D} the {H} near the {A} in the {P}.",
    "{O} {S} {D} the {H} and somebody {V} it.",
)


@cache
def write_wic(side: str, draw: Draw) -> tuple[WordItem, ...]:
    """All items of a draw with the cue on one side, `left` or `right`."""
    lexicon, rng = load_lexicon(), random.Random(f"wic {side}:{draw}")
    return tuple(
        item
        for homonym, senses in lexicon.homonyms.items()
        for two in range(TWOS_PER_HOMONYM)
        for item in _two(homonym, senses, two, side, lexicon, rng)
    )


def _two(
    homonym: str, senses: tuple[Concept, Concept], two: int, side: str, lexicon: Lexicon, rng: random.Random
) -> list[WordItem]:
    first, other = senses if two % 2 else senses[::-1]
    templates = _LEFT if side == "left" else _RIGHT
    anchor = None
    while anchor is None:
        anchor = _cued(_context(templates, lexicon, rng), homonym, first, lexicon, rng)
    while True:
        # The neutral words are drawn once and used in the sentence of equal and in that of different sense.
        context = _context(templates, lexicon, rng)
        same = _cued(context, homonym, first, lexicon, rng)
        different = _cued(context, homonym, other, lexicon, rng) if same else None
        if same and different and not anchor[1] & same[1]:
            return [
                WordItem(
                    example_id=f"{homonym}:{two}:{gold}",
                    texts=(anchor[0], text),
                    word=homonym,
                    unit=homonym,
                    gold=gold,
                )
                for gold, (text, _) in (("same", same), ("different", different))
            ]


def _cued(
    context: str, homonym: str, sense: Concept, lexicon: Lexicon, rng: random.Random
) -> tuple[str, set[str]] | None:
    """The context with a cue to `sense`, and the words that are the cue.

    None if no cue that was tried makes a sentence reserved for the suite.
    """
    topic = lexicon.topic(sense.topic)
    for _ in range(_TRIES):
        wording = grammar.word_event(grammar.sample_event(topic, rng, sense), rng)
        slots = {"A": wording.agent, "V": wording.verb, "P": wording.place}
        text = grammar.fill(context, H=homonym, **slots)
        if grammar.is_reserved(text):
            return text, {word for slot, word in slots.items() if slot != "P" and f"{{{slot}}}" in context}
    return None


def _context(templates: Sequence[str], lexicon: Lexicon, rng: random.Random) -> str:
    words = lexicon.neutral
    return rng.choice(templates).format(
        O=rng.choice(words.openers),
        S=rng.choice(words.people),
        D=rng.choice(words.perceived),
        W=rng.choice(words.where),
        N=rng.choice(words.when),
        **{slot: f"{{{slot}}}" for slot in "HAVP"},
    )


def read_wic(items: Sequence[WordItem], encoder: TextEncoder) -> pd.DataFrame:
    """Outcomes of the items: labels `same` and `different`, unit = homonym."""
    texts = [text for item in items for text in item.texts]
    spans = [span_of(text, item.word) for item in items for text in item.texts]
    vectors_ND, layer = last_layer(encoder, texts, spans)
    unit_ND = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
    cosines = np.einsum("nd,nd->n", unit_ND[0::2], unit_ND[1::2])
    gold = np.array([item.gold for item in items])
    # Rounded, because the two items of a two must not differ by the order of a sum.
    predicted = threshold_out_of_fold(np.round(cosines, 5), gold == "same", spread_over_folds(items))
    return outcomes_of(items, layer, gold_label=gold, predicted_label=np.where(predicted, "same", "different"))


# The cue stands before the homonym, or after it.
MiniWiCLeft = partial(WordItems, write=partial(write_wic, "left"), read=read_wic)
MiniWiCRight = partial(WordItems, write=partial(write_wic, "right"), read=read_wic)
