"""Word vectors by character span: the mean state of a word's tokens, at every layer, from one forward pass.

Shapes: N (text, span) pairs, L+1 layers with the embedding first, W words of a pass, D width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from harness.encoder.reader import Pass, Reader, Watch
from harness.encoder.tokens import Tokens, tokenise
from harness.errors import HarnessError


def word_vectors(
    backbone: Any,
    tokenizer: Any,
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    *,
    max_length: int,
    batch_size: int | None = None,
) -> np.ndarray:
    """As read_words, with a decoder and a tokenizer that have no reader yet."""
    return read_words(Reader(backbone, tokenizer, limit=max_length), texts, spans, batch_size=batch_size)


def read_words(
    reader: Reader,
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    *,
    batch_size: int | None = None,
    watch: Watch | None = None,
) -> np.ndarray:
    """Vectors of the words at `spans` (start, end) of `texts`, (L+1, N, D) float32; `batch_size` as in Reader.read.

    A token belongs to a word if the two overlap in characters (Llama's "▁word" starts one early). A text that
    stands several times is read once. Raises HarnessError for a span that covers no token (outside its text, empty, or
    cut off at the reader's limit) and for a state that is not finite.
    """
    if len(texts) != len(spans):
        raise HarnessError(f"{len(texts)} texts but {len(spans)} spans; give one span a text")
    if not len(texts):
        raise HarnessError("no words to read; give at least one text and span")
    for text, (start, end) in zip(texts, spans, strict=True):
        if not 0 <= start < end <= len(text):
            raise HarnessError(f"the span {start}:{end} lies outside its text of {len(text)} characters: {text[:60]!r}")
    wanted: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        wanted[text].append(index)
    distinct = list(wanted)
    tokens = tokenise(reader.tokenizer, distinct, limit=reader.limit, offsets=True)
    places = _places(tokens, distinct, wanted, spans, limit=reader.limit)
    result: list[np.ndarray] = []

    def mean(done: Pass) -> None:
        if not result:
            width = done.states[0].shape[-1]
            result.append(np.empty((len(done.states), len(texts), width), dtype=np.float32))
        here = [(start, places[row]) for row, start in zip(done.rows, done.starts, strict=True)]
        words = [index for _, of_text in here for index, _ in of_text]
        result[0][:, words] = _means(done, [start + token for start, of_text in here for _, token in of_text])

    reader.read(tokens.ids, mean, layers=True, batch_size=batch_size, watch=watch)
    (vectors,) = result
    if not np.isfinite(vectors).all():
        raise HarnessError("a state of a word is not finite; check the checkpoint's weights, or take --dtype float32")
    return vectors


@torch.inference_mode()
def _means(done: Pass, tokens: Sequence[np.ndarray]) -> np.ndarray:
    """(L+1, W, D): for each word, the mean of its rows `tokens` of the pass's states, at every layer."""
    device = done.states[0].device
    counts = torch.tensor([len(rows) for rows in tokens], device=device)
    word_of_token = torch.repeat_interleave(torch.arange(len(tokens), device=device), counts)
    rows = torch.from_numpy(np.concatenate(tokens)).to(device)
    means = [
        torch.zeros(len(tokens), layer.shape[-1], device=device).index_add_(0, word_of_token, layer[rows].float())
        for layer in done.states
    ]
    return (torch.stack(means) / counts[:, None]).cpu().numpy()


def _places(
    tokens: Tokens,
    distinct: Sequence[str],
    wanted: dict[str, list[int]],
    spans: Sequence[tuple[int, int]],
    *,
    limit: int,
) -> list[list[tuple[int, np.ndarray]]]:
    """For each distinct text its words: index among all, and the tokens that they are made of."""
    places: list[list[tuple[int, np.ndarray]]] = []
    for text, offsets_T2 in zip(distinct, tokens.offsets, strict=True):
        places.append([])
        for index in wanted[text]:
            inside = np.flatnonzero(_tokens_of(offsets_T2, spans[index]))
            if not len(inside) or offsets_T2.max() < spans[index][1]:
                word = text[slice(*spans[index])]
                raise HarnessError(f"the word {word!r} is cut off at {limit} tokens; shorten the text {text[:60]!r}")
            places[-1].append((index, inside))
    return places


def _tokens_of(offsets_T2: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    start, end = span
    first, last = offsets_T2[:, 0], offsets_T2[:, 1]
    return (first < end) & (last > start) & (last > first)
