"""Neutral frames: sentences with one open slot {X} that say nothing about what fills it."""

from __future__ import annotations

import random

from harness.mini.grammar import is_reserved
from harness.mini.lexicon import Neutral

SLOT = "{X}"


def neutral_frame(neutral: Neutral, rng: random.Random, *, reserved: bool) -> str:
    """A frame of at least three words before the slot and three after, drawn without looking at the filler.

    `reserved` frames occur in the suite only, all others only in training texts.
    """
    while True:
        opener = rng.choice(neutral.openers)
        before = f"{rng.choice(neutral.people)} {rng.choice(neutral.adverbs)} {rng.choice(neutral.perceived)} the"
        after = [rng.choice(neutral.where), rng.choice(neutral.when)]
        rng.shuffle(after)
        frame = f"{opener} {before} {SLOT} {' '.join(after)}."
        if is_reserved(frame) == reserved:
            return frame
