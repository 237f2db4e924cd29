"""Embeddings of texts under a task instruction: every token attends to the instruction, only the text is pooled.

LLM2Vec's rule (BehnamGhader et al. 2024; `LLM2Vec.tokenize` of llm2vec 0.2.3): instruction and text are one string,
tokenised once; the text's own tokens are the last n, where n is how many tokens the text has when it stands alone.
Counting the instruction's tokens instead goes wrong where the two meet, for "instruction: " alone ends in a token of
its own for the space, which in the whole string is the beginning of the text's first token.

Shapes: B texts of a batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from harness.errors import HarnessError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from harness.encoder.model import Encoder


@torch.inference_mode()
def encode_instructed(
    model: SentenceTransformer, texts: Sequence[str], instruction: str, *, batch_size: int
) -> np.ndarray:
    """Embeddings of `texts`, (N, D) float32, in their order: each pools its own tokens behind `instruction`.

    What does not fit into the model's limit is cut off at the end of the text. Raises HarnessError if the
    instruction alone fills the limit.
    """
    model.eval()
    result: list[np.ndarray] = [np.empty(0)] * len(texts)
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        features, own_BT = _tokenise(model, [texts[row] for row in rows], instruction)
        features = model[0](features)
        features["attention_mask"] = own_BT
        for module in list(model)[1:]:
            features = module(features)
        for row, embedding in zip(rows, features["sentence_embedding"].float().cpu().numpy(), strict=True):
            result[row] = embedding
    return np.stack(result) if result else np.empty((0, model.get_embedding_dimension() or 0), dtype=np.float32)


def _tokenise(model: SentenceTransformer, texts: list[str], instruction: str) -> tuple[dict[str, Any], Tensor]:
    """The padded batch of instruction and text, and a mask of the texts' own tokens, (B, T)."""
    tokenizer: Any = model.tokenizer
    limit = model.max_seq_length
    joined = [f"{instruction.strip()} {text}" for text in texts]
    whole = tokenizer(joined, return_special_tokens_mask=True, verbose=False)
    alone = tokenizer(texts, add_special_tokens=False, verbose=False)
    starts = [
        _own_start(special, len(ids))
        for special, ids in zip(whole["special_tokens_mask"], alone["input_ids"], strict=True)
    ]
    if limit is not None and any(
        start >= limit for start, ids in zip(starts, alone["input_ids"], strict=True) if len(ids)
    ):
        raise HarnessError(
            f"the instruction {instruction[:60]!r} leaves no room for a text: the system reads {limit} tokens; "
            "shorten the instruction or raise max_length in the card"
        )
    batch = tokenizer(
        joined,
        padding=True,
        truncation=limit is not None,
        max_length=limit,
        return_special_tokens_mask=True,
        return_tensors="pt",
        verbose=False,
    ).to(model.device)
    place_BT = batch["attention_mask"].cumsum(dim=1) - 1  # counted from the first real token, whatever the padding
    own_BT = batch["attention_mask"] * (1 - batch.pop("special_tokens_mask"))
    own_BT = own_BT * (place_BT >= torch.tensor(starts, device=model.device)[:, None])
    return dict(batch), own_BT


def _own_start(special: Sequence[int], own: int) -> int:
    """Index of the first of the last `own` tokens that the tokenizer did not add by itself (BOS, EOS)."""
    ordinary = [index for index, added in enumerate(special) if not added]
    return ordinary[-own] if 0 < own <= len(ordinary) else len(special)


class InstructedForMteb:
    """An encoder with an instruction as mteb takes it (EncoderProtocol). Documents to be retrieved get none."""

    def __init__(self, encoder: Encoder, meta: Any) -> None:
        self.encoder = encoder
        self.mteb_model_meta = meta

    def encode(self, inputs: Any, *, prompt_type: Any = None, batch_size: int = 64, **_: Any) -> np.ndarray:
        """(N, D) float32 embeddings of mteb's batches of texts."""
        texts = [text for batch in inputs for text in batch["text"]]
        document = prompt_type is not None and prompt_type.value == "document"
        return self.encoder.encode(texts, batch_size=batch_size, instruction="" if document else None)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of all pairs, (N, M) tensor."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of rows that stand side by side, (N,) tensor."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)
