"""The repetition probe: how far does an irrelevant passage, repeated beside a text, pull the text's embedding?

A text t and a passage p of another pair of WiC's test set are put together, p standing k = 0, 1, 2, 4 or 8 times before
or after t. The pull is cos(e(t with k × p), e(p)) - cos(e(t), e(p)). Under a mean over tokens that knew nothing of
each other, the embedding would be the mean of e(t) and e(p) weighted by their tokens: the pull of that is explained by
the share of tokens. The result is the pull less what is explained: above 0 attention favours what is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.suites.words.data.examples import WordExample
from harness.suites.words.probe import WordProbe
from harness.suites.words.results import SCORE, SubsetOutcomes

TIMES = (0, 1, 2, 4, 8)
TEXTS = 200


def measure_repetition(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The unexplained pull for each side and number of repetitions; the first part is the mean over all k above 0.

    The first TEXTS pairs whose longest text is read to its end; of the others it is said how many there are.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(examples) // 2 * 2)
    pairs = [(int(a), int(b)) for a, b in zip(order[::2], order[1::2], strict=True)]
    longest = [_join(examples[a].texts[0], examples[b].texts[0], TIMES[-1], "after") for a, b in pairs]
    # One token more for the beginning of the sequence.
    fits = [n < encoder.max_tokens for n in encoder.count_tokens(longest)]
    kept = [pair for pair, fit in zip(pairs, fits, strict=True) if fit][:TEXTS]
    if not kept:
        raise HarnessError(
            f"no text with eight repetitions of another fits into the {encoder.max_tokens} tokens that this base "
            "reads; leave RepeatedPassage out with --tasks"
        )
    note = f"{len(pairs) - sum(fits)} of {len(pairs)} texts left out: too long with eight repetitions"
    texts, passages = ([examples[pair[which]].texts[0] for pair in kept] for which in (0, 1))
    text_ND, passage_ND = encoder.encode(texts), encoder.encode(passages)
    of_text, of_passage = (np.array(encoder.count_tokens(each)) for each in (texts, passages))
    alone_N = _cosine(text_ND, passage_ND)
    asked = [examples[a] for a, _ in kept]
    parts = [whole := SubsetOutcomes(SCORE, "pull", asked)]
    trial = 0
    for side in ("before", "after"):
        for k in TIMES:
            together_ND = encoder.encode([_join(t, p, k, side) for t, p in zip(texts, passages, strict=True)])
            share_N = k * of_passage / (of_text + k * of_passage)
            expected_ND = (1 - share_N)[:, None] * text_ND + share_N[:, None] * passage_ND
            explained_N = _cosine(expected_ND, passage_ND) - alone_N
            pull_N = _cosine(together_ND, passage_ND) - alone_N
            if k:
                whole.add(layer=None, trial=trial, gold_score=1.0, predicted_score=pull_N - explained_N)
                trial += 1
            for name, values in ((f"{side}, k={k}", pull_N), (f"{side}, k={k}, explained", explained_N)):
                parts.append(SubsetOutcomes(name, "pull", asked))
                parts[-1].add(layer=None, gold_score=1.0, predicted_score=values)
    return parts, note if sum(fits) < len(pairs) else ""


def _join(text: str, passage: str, times: int, side: str) -> str:
    return " ".join([passage] * times + [text] if side == "before" else [text] + [passage] * times)


def _cosine(x_ND: np.ndarray, y_ND: np.ndarray) -> NDArray[np.float64]:
    x, y = x_ND.astype(np.float64), y_ND.astype(np.float64)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray(np.einsum("nd,nd->n", x, y) / np.maximum(norms, 1e-12), dtype=np.float64)
