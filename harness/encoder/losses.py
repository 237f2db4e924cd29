"""What a causal language model loses on each text, in nats, token by token under teacher forcing.

Shapes: N texts, B texts of a batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.encoder.tokenizer import start_token
from harness.errors import HarnessError

# The largest tensor of a batch holds this many float32 logits (512 MB), and a batch at most this many tokens.
_LOGITS = 1 << 27
_TOKENS = 8192


@dataclass(frozen=True, kw_only=True)
class TextLosses:
    """Sums over each text, (N,): `nats` lost on `tokens` tokens, which spell `bytes` bytes of UTF-8.

    `cut` counts the texts that were longer than `limit` tokens; their tokens and bytes are those that were read.
    """

    nats: NDArray[np.float64]
    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]
    cut: int
    limit: int

    @property
    def bits(self) -> NDArray[np.float64]:
        """The losses in bits."""
        return self.nats / np.log(2.0)


@torch.inference_mode()
def text_losses(model: Any, tokenizer: Any, texts: Sequence[str], *, limit: int) -> TextLosses:
    """Score every token of `texts`, the first one after the start token, with logits taken in float32.

    `limit` is the most tokens that the model reads, the start token among them. Raises HarnessError for a text
    without a token, or a loss that is not a finite number.
    """
    start = start_token(tokenizer)
    encoded = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True)
    ids = [row[: limit - 1] for row in encoded["input_ids"]]
    for text, row in zip(texts, ids, strict=True):
        if not row:
            raise HarnessError(f"the text {text[:60]!r} has no token; leave it out")
    ends = [offsets[len(row) - 1][1] for row, offsets in zip(ids, encoded["offset_mapping"], strict=True)]
    whole = [len(row) == len(full) for row, full in zip(ids, encoded["input_ids"], strict=True)]
    read = [text if all_of_it else text[:end] for text, end, all_of_it in zip(texts, ends, whole, strict=True)]
    nats = np.zeros(len(ids))
    for rows in _batches([len(row) for row in ids], vocabulary=model.config.vocab_size):
        nats[rows] = _batch_nats(model, [[start, *ids[row]] for row in rows])
    if not np.isfinite(nats).all():
        raise HarnessError(
            "the language model's loss on a text is not a finite number; check the checkpoint or --dtype"
        )
    return TextLosses(
        nats=nats,
        tokens=np.array([len(row) for row in ids]),
        bytes=np.array([len(text.encode()) for text in read]),
        cut=whole.count(False),
        limit=limit,
    )


def _batches(lengths: Sequence[int], *, vocabulary: int) -> Iterator[list[int]]:
    """Row numbers of like lengths, longest first, as many as fit the budget of tokens."""
    budget = max(1, min(_TOKENS, _LOGITS // vocabulary))
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) + 1) * (lengths[batch[0]] + 1) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _batch_nats(model: Any, ids: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    width = max(map(len, ids))
    # Padded on the right: under the causal mask no real token sees the padding, whatever token it is.
    ids_BT = torch.tensor([[*row, *([row[0]] * (width - len(row)))] for row in ids], device=model.device)
    mask_BT = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=model.device)
    logits_BTV = model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).logits[:, :-1]
    losses_BT = torch.nn.functional.cross_entropy(
        logits_BTV.float().flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none"
    ).view(len(ids), -1)
    sums_B = (losses_BT.double() * mask_BT[:, 1:]).sum(dim=1)
    found: NDArray[np.float64] = sums_B.cpu().numpy()
    return found
