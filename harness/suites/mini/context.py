"""Context probes: what does a neutral word next to a target know about the target?

Every frame (neutral words with one slot) is filled once with a target of every class, all in the same fold. Words
before the target are therefore the same for all classes, and a causal model, whose states before the target
cannot depend on it, is at chance exactly. Folds keep a target word's items together; the target word is the unit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.mini import grammar
from harness.mini.lexicon import Lexicon, load_lexicon
from harness.probes.linear import classify_out_of_fold
from harness.suites.mini import Draw
from harness.suites.mini.words import N_FOLDS, WordItem, WordItems, last_layer, outcomes_of, span_of, word_spans

FRAMES_PER_FOLD = {"animacy": 110, "domain": 32}
POSITIONS = {"before": (-3, -2, -1), "after": (1, 2, 3)}


def write_context(question: str, draw: Draw) -> list[WordItem]:
    """All items of a draw for one question, `animacy` or `domain`; classes are equally frequent in every fold."""
    lexicon, rng = load_lexicon(), random.Random(f"context {question}:{draw}")
    classes = {"animacy": _by_animacy, "domain": _by_domain}[question](lexicon)
    items: list[WordItem] = []
    for words in classes.values():
        rng.shuffle(words)
    for fold in range(N_FOLDS):
        frames: set[str] = set()
        while len(frames) < FRAMES_PER_FOLD[question]:
            frames.add(grammar.neutral_frame(lexicon.neutral, rng, reserved=True))
        for number, frame in enumerate(sorted(frames)):
            for label, words in classes.items():
                in_fold = words[fold::N_FOLDS]
                target = in_fold[number % len(in_fold)]
                items.append(
                    WordItem(
                        example_id=f"{fold * 1000 + number}:{target}",
                        texts=(grammar.fill(frame.replace(grammar.SLOT, target)),),
                        word=target,
                        unit=target,
                        gold=label,
                        fold=fold,
                    )
                )
    return items


def _by_animacy(lexicon: Lexicon) -> dict[str, list[str]]:
    topics = lexicon.of_side("test")
    return {
        "animate": [form for t in topics for c in t.agents for form in c.forms],
        "inanimate": [form for t in topics for c in t.things[::2] for form in c.forms],
    }


def _by_domain(lexicon: Lexicon) -> dict[str, list[str]]:
    return {
        topic.name: [form for concept in (*topic.agents, *topic.things) for form in concept.forms]
        for topic in lexicon.of_side("test")
    }


def read_context(side: str, items: Sequence[WordItem], encoder: TextEncoder) -> pd.DataFrame:
    """Outcomes of the items at the three positions of one side, `before` or `after`; unit = target word."""
    positions = POSITIONS[side]
    texts = [item.texts[0] for item in items for _ in positions]
    spans = [span for item in items for span in _neighbours(item, positions)]
    vectors_ND, layer = last_layer(encoder, texts, spans)
    labels = np.array([item.gold for item in items])
    folds = np.array([item.fold for item in items])
    frames = []
    for column, position in enumerate(positions):
        predicted = classify_out_of_fold(vectors_ND[column :: len(positions)], labels, folds)
        frames.append(outcomes_of(items, layer, position=position, gold_label=labels, predicted_label=predicted))
    return pd.concat(frames, ignore_index=True)


def _neighbours(item: WordItem, positions: Sequence[int]) -> list[tuple[int, int]]:
    spans = word_spans(item.texts[0])
    target = spans.index(span_of(item.texts[0], item.word))
    return [spans[target + position] for position in positions]


# Animacy, or topic, of the target from the three words before it, or after it.
_ANIMACY = partial(WordItems, write=partial(write_context, "animacy"))
_DOMAIN = partial(WordItems, write=partial(write_context, "domain"))
MiniAnimacyBefore = partial(_ANIMACY, read=partial(read_context, "before"))
MiniAnimacyAfter = partial(_ANIMACY, read=partial(read_context, "after"))
MiniDomainBefore = partial(_DOMAIN, read=partial(read_context, "before"))
MiniDomainAfter = partial(_DOMAIN, read=partial(read_context, "after"))
