"""A system as mteb takes it (its EncoderProtocol)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from harness.encoder.instructions import task_instruction

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from harness.recipes import Recipe


class SharingEncoder(Protocol):
    """What is needed of an encoder here (harness.encoder.model.Encoder)."""

    recipe: Recipe

    def encode(
        self, texts: Sequence[str], *, batch_size: int | None = None, instruction: str | None = None
    ) -> np.ndarray: ...

    def encode_shared(self, texts: Sequence[str], *, instruction: str | None = None) -> np.ndarray: ...


class ForMteb:
    """An encoder under a name and revision of its own. Its embeddings are shared between the tasks that it is given to.

    mteb's batch size is not heeded: the engine reads by tokens. `batch_size` makes it read plainly, so many at a time.
    """

    def __init__(self, encoder: SharingEncoder, meta: Any, *, batch_size: int | None = None) -> None:
        self.encoder = encoder
        self.mteb_model_meta = meta
        self._batch_size = batch_size

    def encode(self, inputs: Any, *, task_metadata: Any = None, prompt_type: Any = None, **_: Any) -> np.ndarray:
        """(N, D) float32 embeddings of mteb's batches of texts. Documents to be retrieved get no instruction."""
        texts = [str(text) for batch in inputs for text in batch["text"]]
        document = prompt_type is not None and prompt_type.value == "document"
        instruction = "" if document else None
        if self.encoder.recipe.task_instructions and task_metadata is not None:
            instruction = task_instruction(task_metadata, prompt_type)
        if self._batch_size is not None:
            return self.encoder.encode(texts, batch_size=self._batch_size, instruction=instruction)
        return self.encoder.encode_shared(texts, instruction=instruction)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of all pairs, (N, M) tensor."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of rows that stand side by side, (N,) tensor."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)


def model_meta(model: SentenceTransformer, *, name: str, revision: str, max_tokens: int | None) -> Any:
    """What mteb stores of a system (its ModelMeta), under a name and revision that no other system has."""
    from mteb.models import ModelMeta

    return ModelMeta.create_empty(
        overwrites={
            "name": name,
            "revision": revision,
            "framework": ["Sentence Transformers", "PyTorch"],
            "embed_dim": model.get_embedding_dimension(),
            "max_tokens": max_tokens,
            "modalities": ["text"],
        }
    )
