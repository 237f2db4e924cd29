"""Word vectors by character span: states of a word's tokens, at every layer, from one forward pass.

Shapes: N (text, span) pairs, L+1 layers with the embedding first, D width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from harness.errors import HarnessError

BATCH = 128  # texts read at once
Take = Literal["mean", "first", "last"]
_CHOSEN: dict[Take, slice] = {"mean": slice(None), "first": slice(0, 1), "last": slice(-1, None)}


@torch.inference_mode()
def word_vectors(
    backbone: Any,
    tokenizer: Any,
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    *,
    max_length: int,
    batch_size: int = BATCH,
    take: Take | Sequence[Take] = "mean",
    keep_cut: bool = False,
) -> np.ndarray:
    """Vectors of the words at `spans` (start, end) of `texts`, (L+1, N, D) float32.

    A token belongs to a word if the two overlap in characters (Llama's "▁word" starts one early). `take`, for all
    words or one a word, says what of them is taken: their mean, or the first or last one's state. A text that stands
    several times is read once.
    Raises HarnessError for a span that covers no token: outside its text, empty, or cut off at `max_length` tokens;
    with `keep_cut` a word that is cut off has NaN for a vector instead, for a caller who counts and reports them.
    """
    if len(texts) != len(spans):
        raise HarnessError(f"{len(texts)} texts but {len(spans)} spans; give one span a text")
    for text, (start, end) in zip(texts, spans, strict=True):
        if not 0 <= start < end <= len(text):
            raise HarnessError(f"the span {start}:{end} lies outside its text of {len(text)} characters: {text[:60]!r}")
    taken: Sequence[Take] = [take] * len(texts) if isinstance(take, str) else take
    if len(taken) != len(texts):
        raise HarnessError(f"{len(texts)} texts but {len(taken)} choices of tokens; give one a text")
    wanted: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        wanted[text].append(index)
    order = sorted(wanted, key=len)
    device = next(backbone.parameters()).device
    result: np.ndarray | None = None
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        encoded = tokenizer(
            batch,
            padding=True,
            truncation=True,
            max_length=max_length,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = encoded.pop("offset_mapping").numpy()
        output = backbone(
            input_ids=encoded["input_ids"].to(device),
            attention_mask=encoded["attention_mask"].to(device),
            output_hidden_states=True,
            use_cache=False,
        )
        states_LBTD = torch.stack(output.hidden_states).float().cpu().numpy()
        if result is None:
            result = np.empty((len(states_LBTD), len(texts), states_LBTD.shape[-1]), dtype=np.float32)
        for row, text in enumerate(batch):
            for index in wanted[text]:
                inside = _tokens_of(offsets[row], spans[index])
                if not inside.any() or offsets[row].max() < spans[index][1]:
                    if keep_cut:
                        result[:, index] = np.nan
                        continue
                    word = text[slice(*spans[index])]
                    raise HarnessError(
                        f"the word {word!r} is cut off at {max_length} tokens; shorten the text {text[:60]!r}"
                    )
                chosen = np.flatnonzero(inside)[_CHOSEN[taken[index]]]
                result[:, index] = states_LBTD[:, row, chosen].mean(axis=1)
    if result is None:
        raise HarnessError("no words to read; give at least one text and span")
    return result


def _tokens_of(offsets_T2: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    start, end = span
    first, last = offsets_T2[:, 0], offsets_T2[:, 1]
    return (first < end) & (last > start) & (last > first)
