"""A system as mteb takes it (its EncoderProtocol)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class ForMteb:
    """`embed` under a name and revision of its own, so that no two systems collide in mteb.

    `embed` gets the texts, mteb's metadata of their task and what they are in it (query, document or None), and gives
    (N, D). mteb's batch size is not heeded: a system reads as it does everywhere.
    """

    def __init__(
        self,
        embed: Callable[[list[str], Any, Any], np.ndarray],
        *,
        name: str,
        revision: str,
        embed_dim: int | None = None,
        max_tokens: int | None = None,
    ) -> None:
        self._embed = embed
        self.mteb_model_meta = model_meta(name, revision, embed_dim=embed_dim, max_tokens=max_tokens)

    def encode(self, inputs: Any, *, task_metadata: Any = None, prompt_type: Any = None, **_: Any) -> np.ndarray:
        """(N, D) float32 embeddings of mteb's batches of texts."""
        return self._embed([str(text) for batch in inputs for text in batch["text"]], task_metadata, prompt_type)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of all pairs, (N, M) tensor."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of rows that stand side by side, (N,) tensor."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def model_meta(name: str, revision: str, *, embed_dim: int | None = None, max_tokens: int | None = None) -> Any:
    """What mteb stores of a system (its ModelMeta)."""
    from mteb.models import ModelMeta

    return ModelMeta.create_empty(
        overwrites={
            "name": name,
            "revision": revision,
            "framework": ["Sentence Transformers", "PyTorch"],
            "embed_dim": embed_dim,
            "max_tokens": max_tokens,
            "modalities": ["text"],
        }
    )
