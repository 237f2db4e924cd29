"""The similarity tasks. The pairs and their gold scores come from pairs.py.

A perfect system reaches a Spearman of .866 on MiniParaphrase and MiniRoles, whose scores are 0 or 1 (ties).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from harness.mini.lexicon import Lexicon
from harness.suites.mini.generated import GeneratedSTS, Splits
from harness.suites.mini.pairs import MAX_SCORE, ScoredPair, graded_pairs, paraphrase_pairs, role_pairs


def _write(
    pairs: Callable[[Lexicon, random.Random], Iterator[ScoredPair]], n: int, lexicon: Lexicon, rng: random.Random
) -> Splits:
    first, second, score = zip(*islice(pairs(lexicon, rng), n), strict=True)
    return {"test": {"sentence1": list(first), "sentence2": list(second), "score": list(score)}}


def _task(name: str, pairs: Any, n: int, most: int) -> Callable[..., GeneratedSTS]:
    return partial(GeneratedSTS, name, "Textual Entailment", partial(_write, pairs, n), min_score=0, max_score=most)


MiniSTS = _task("MiniSTS", graded_pairs, 2000, int(MAX_SCORE))
MiniParaphrase = _task("MiniParaphrase", paraphrase_pairs, 4000, 1)
MiniRoles = _task("MiniRoles", role_pairs, 3000, 1)
