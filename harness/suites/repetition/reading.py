"""Passes over each text in its versions ─▶ the measures of every layer.

Vectors are made as the system makes its embeddings, with what its card puts around a text. Attention is read of the
text alone, as the layers suite reads it.

Shapes: L+1 layers with the embedding first, N texts, V versions of a text and its sentences, D width, T tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TextEncoder
from harness.encoder.tokenizer import front_tokens
from harness.errors import HarnessError
from harness.outcomes import TaskResult, row_ids
from harness.suites.by_layer import OWN
from harness.suites.repetition import (
    ATTENDED,
    MEASURES,
    PLACES,
    RAW,
    TIMES,
    WEIGHTED,
    RepetitionTask,
    share_of,
)
from harness.suites.repetition import measures as m
from harness.suites.repetition.texts import Passage, choose_passages, unrelated
from harness.suites.retention.text import RetentionText


def measure_repetition(task: RepetitionTask, text: RetentionText, encoder: TextEncoder) -> list[TaskResult]:
    """The result of each of MEASURES; its subset is the measure's name.

    Raises HarnessError for a system without a language model, for too few texts or too short a limit, and for a state
    that is not finite.
    """
    started = time.monotonic()
    model = encoder.language_model()
    documents = text.documents()
    passages = choose_passages(model.tokenizer, documents, limit=model.limit, text=text.name)
    others = unrelated(passages)
    vectors_LNVD = _vectors(encoder, passages, others)
    layers = len(vectors_LNVD)
    found = {measure.name: np.full((layers, len(passages)), math.nan) for measure in MEASURES}
    expected = {measure.name: np.ones((layers, len(passages))) for measure in MEASURES}
    front = front_tokens(model.tokenizer)
    for number, passage in enumerate(passages):
        for layer in range(layers):
            for name, value in _of_vectors(vectors_LNVD[layer, number], passage):
                found[name][layer, number] = value
        for name, received_L, expected_L in _of_attention(encoder, passage, others[number], front):
            found[name][1:, number], expected[name][1:, number] = received_L, expected_L
    ids = row_ids(documents)
    return task.results(
        found,
        over={name: each.round(9) for name, each in expected.items()},  # the same numbers on every machine
        ids=[ids[passage.row] for passage in passages],
        texts=[passage.repeated(1) for passage in passages],
        seconds=time.monotonic() - started,
    )


def _vectors(
    encoder: TextEncoder, passages: Sequence[Passage], others: Sequence[Sequence[Passage]]
) -> NDArray[np.float32]:
    """(L+1, N, V, D): each passage by the number of copies, with another sentence by its place, and its sentences."""
    versions = [
        [
            *(passage.repeated(times) for times in TIMES),
            *passage.with_unrelated(other.sentence),
            *(passage.written(sentence) for sentence in passage.sentences),
        ]
        for passage, (other, *_) in zip(passages, others, strict=True)
    ]
    found = encoder.by_layer([text for of_passage in versions for text in of_passage], whole=True)
    if not np.isfinite(found).all():
        raise HarnessError("a vector of a layer is not finite, so repetition cannot be measured; take --dtype float32")
    return found.reshape(len(found), len(passages), len(versions[0]), -1)


def _of_vectors(versions_VD: NDArray[np.float32], passage: Passage) -> Iterator[tuple[str, float]]:
    repeated, placed, alone = np.split(versions_VD, [len(TIMES), len(TIMES) + len(PLACES)])
    shares, fit = m.sentence_weights(repeated, alone)
    excess = shares[:, passage.place] - [passage.token_share(times) for times in TIMES]
    yield OWN, float(excess[1:].mean())
    yield from zip(map(share_of, TIMES), map(float, excess), strict=True)
    yield "share, per doubling", m.per_doubling(excess, TIMES)
    yield "fit", float(fit.mean())
    for place, vector in zip(PLACES, placed, strict=True):
        norms = float(np.linalg.norm(vector) * np.linalg.norm(repeated[0]))
        yield f"unrelated at the {place}", 1 - float(vector @ repeated[0]) / norms if norms else math.nan


def _of_attention(
    encoder: TextEncoder, passage: Passage, others: Sequence[Passage], front: Sequence[int]
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """What is received and what is expected, in each layer but the embedding."""
    once = _shares(encoder, passage, [], front)
    repeated = _shares(encoder, passage, [passage.sentence_ids] * (ATTENDED - 1), front)
    replaced = _shares(encoder, passage, [other.sentence_ids for other in others], front)
    for kind in (RAW, WEIGHTED):
        yield f"{kind}: once", *once[kind, "sentence"]
        yield f"{kind}: first token", *once[kind, "first token"]
        for group, part in (("first copy", "sentence"), ("later copies", "behind")):
            received, expected = repeated[kind, part]
            other, of_other = replaced[kind, part]
            yield f"{kind}: {group}", received, expected
            yield f"{kind}: {group}, less others", received - other * (expected / of_other), expected


def _shares(
    encoder: TextEncoder, passage: Passage, behind: Sequence[tuple[int, ...]], front: Sequence[int]
) -> dict[tuple[str, str], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """What a part of a text receives and what is expected, by the kind of attention and the part, (L,) each.

    The text has the sentences `behind` the one that is repeated. Parts: that one, those behind it and the first token.
    """
    until = passage.place + 1
    parts = [*passage.ids[:until], *behind, *passage.ids[until:]]
    received = encoder.attention_received([*front, *(token for part in parts for token in part)])
    # Of the part that a token stands in, -1 before the first.
    part_T = np.repeat(np.arange(-1, len(parts)), [len(front), *map(len, parts)])
    place_T = np.arange(len(part_T))
    all_T, text_T = place_T >= 0, place_T >= max(1, len(front))
    chosen = {
        "sentence": (part_T == passage.place, text_T),
        "behind": ((part_T >= until) & (part_T < until + len(behind)), text_T),
        "first token": (place_T == 0, all_T),
    }
    return {
        (kind, name): (m.share_of_all(of_kind, *tokens), m.share_of_all(received.uniform, *tokens))
        for kind, of_kind in ((RAW, received.raw), (WEIGHTED, received.weighted))
        for name, tokens in chosen.items()
    }
