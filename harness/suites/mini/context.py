"""Context probes: what does a neutral word next to a target know about the target?

Every frame (neutral words with one slot) is filled once with a target of every class, all in the same fold. Words
before the target are therefore the same for all classes, and a causal model, whose states before the target
cannot depend on it, is at chance exactly. Folds keep a target word's items together; the target word is the unit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.mini import grammar
from harness.mini.frames import SLOT, neutral_frame
from harness.mini.lexicon import Lexicon, load_lexicon
from harness.outcomes import make_outcomes
from harness.probes.linear import classify_out_of_fold
from harness.suites.mini import Draw
from harness.suites.mini.words import N_FOLDS, WordItems, last_layer, span_of, word_spans

FRAMES_PER_FOLD = {"animacy": 110, "domain": 32}
POSITIONS = {"before": (-3, -2, -1), "after": (1, 2, 3)}


@dataclass(frozen=True)
class ContextItem:
    """A neutral frame filled with a target word, the target's class, and the fold it is tested in."""

    text: str
    target: str
    label: str
    frame: int
    fold: int

    @property
    def texts(self) -> tuple[str, ...]:
        """The item's one sentence."""
        return (self.text,)


def write_context(question: str, draw: Draw) -> list[ContextItem]:
    """All items of a draw for one question, `animacy` or `domain`; classes are equally frequent in every fold."""
    lexicon, rng = load_lexicon(), random.Random(f"context {question}:{draw}")
    classes = {"animacy": _by_animacy, "domain": _by_domain}[question](lexicon)
    items: list[ContextItem] = []
    for label, words in classes.items():
        rng.shuffle(words)
        classes[label] = words
    for fold in range(N_FOLDS):
        frames: set[str] = set()
        while len(frames) < FRAMES_PER_FOLD[question]:
            frames.add(neutral_frame(lexicon.neutral, rng, reserved=True))
        for number, frame in enumerate(sorted(frames)):
            for label, words in classes.items():
                in_fold = words[fold::N_FOLDS]
                target = in_fold[number % len(in_fold)]
                items.append(
                    ContextItem(grammar.fill(frame.replace(SLOT, target)), target, label, fold * 1000 + number, fold)
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


def read_context(side: str, items: Sequence[ContextItem], encoder: TextEncoder) -> pd.DataFrame:
    """Outcomes of the items at the three positions of one side, `before` or `after`; unit = target word."""
    positions = POSITIONS[side]
    texts = [item.text for item in items for _ in positions]
    spans = [span for item in items for span in _neighbours(item, positions)]
    vectors_ND, layer = last_layer(encoder, texts, spans)
    labels = np.array([item.label for item in items])
    folds = np.array([item.fold for item in items])
    frames = []
    for column, position in enumerate(positions):
        predicted = classify_out_of_fold(vectors_ND[column :: len(positions)], labels, folds)
        columns: dict[str, object] = {
            "example_id": [f"{item.frame}:{item.target}" for item in items],
            "unit": [item.target for item in items],
            "trial": 0,
            "layer": layer,
            "position": position,
            "gold_label": labels,
            "predicted_label": predicted,
        }
        frames.append(make_outcomes(columns, len(items)))
    return pd.concat(frames, ignore_index=True)


def _neighbours(item: ContextItem, positions: Sequence[int]) -> list[tuple[int, int]]:
    spans = word_spans(item.text)
    target = spans.index(span_of(item.text, item.target))
    return [spans[target + position] for position in positions]


def _task(question: str, side: str, draw: Draw) -> WordItems:
    return WordItems(draw=draw, write=partial(write_context, question), read=partial(read_context, side))


def MiniAnimacyBefore(draw: Draw = "test") -> WordItems:  # noqa: N802
    """Animacy of the target from the three words before it."""
    return _task("animacy", "before", draw)


def MiniAnimacyAfter(draw: Draw = "test") -> WordItems:  # noqa: N802
    """Animacy of the target from the three words after it."""
    return _task("animacy", "after", draw)


def MiniDomainBefore(draw: Draw = "test") -> WordItems:  # noqa: N802
    """Topic of the target from the three words before it."""
    return _task("domain", "before", draw)


def MiniDomainAfter(draw: Draw = "test") -> WordItems:  # noqa: N802
    """Topic of the target from the three words after it."""
    return _task("domain", "after", draw)
