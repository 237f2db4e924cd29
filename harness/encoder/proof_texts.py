"""The texts that a mask proof reads: drawn at random, padded, with one token exchanged for another.

Shapes: B texts, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from harness.encoder.mask_proof import Padding

_LENGTH = 12


def random_texts(vocabulary: int, pad_id: int, *, batch: int, equal: bool, seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = [_LENGTH if equal else _LENGTH - (row % 6) for row in range(batch)]
    draws = (torch.randint(0, vocabulary, (length,), generator=generator).tolist() for length in lengths)
    return [[token if token != pad_id else another(token, vocabulary, pad_id) for token in draw] for draw in draws]


def another(token: int, vocabulary: int, pad_id: int) -> int:
    candidates: Iterator[int] = ((token + step) % vocabulary for step in range(1, vocabulary))
    return next(candidate for candidate in candidates if candidate != pad_id)


def pad(texts: Sequence[Sequence[int]], padding: Padding, pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and mask, (B, T). With padding, even a batch of one gets three pad tokens."""
    width = max(map(len, texts)) + (0 if padding == "none" else 3)
    ids_BT = torch.full((len(texts), width), pad_id)
    mask_BT = torch.zeros((len(texts), width), dtype=torch.long)
    for row, text in enumerate(texts):
        place = slice(width - len(text), width) if padding == "left" else slice(0, len(text))
        ids_BT[row, place], mask_BT[row, place] = torch.tensor(text), 1
    return ids_BT, mask_BT


def last_real(mask_BT: Tensor) -> list[int]:
    return [int(row.nonzero()[-1]) for row in mask_BT]
