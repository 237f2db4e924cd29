"""The lower bound: a bag of words, with the same faces as an encoder.

A text is the count of its tokens, a word is the count of its own tokens: no context, no training. Whatever a
task gives to this, it gives for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.mini import checkpoint_folder


class BagOfWords:
    """Token counts of the mini base's tokenizer. Implements mteb's EncoderProtocol and the suite's WordEncoder."""

    def __init__(self, tokenizer_folder: Path | None = None) -> None:
        from tokenizers import Tokenizer

        folder = tokenizer_folder or checkpoint_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._size = self._tokenizer.get_vocab_size()

    @property
    def mteb_model_meta(self) -> Any:
        """The name under which mteb files results."""
        from mteb.models.model_meta import ModelMeta

        return ModelMeta.create_empty({"name": "harness/bag-of-words", "revision": "1"})

    def for_mteb(self) -> BagOfWords:
        """Itself: it is what mteb takes."""
        return self

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        """(N, V) float32 token counts of mteb's batches of texts."""
        return self.counts([text for batch in inputs for text in batch["text"]])

    def counts(self, texts: Sequence[str]) -> np.ndarray:
        """(N, V) float32 token counts, BOS not counted."""
        counts_NV = np.zeros((len(texts), self._size), dtype=np.float32)
        for row, encoding in zip(
            counts_NV, self._tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            np.add.at(row, encoding.ids, 1.0)
        return counts_NV

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """(1, N, V) float32: the mean of the one-hot vectors of each word's own tokens."""
        counts_NV = self.counts([text[slice(*span)] for text, span in zip(texts, spans, strict=True)])
        return (counts_NV / np.maximum(counts_NV.sum(axis=1, keepdims=True), 1.0))[None]

    def language_model(self) -> Any:
        """There is none: it says so."""
        raise HarnessError("a bag of words is no language model, so it has no retention; leave it out")

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of all pairs, (N, M) tensor."""
        from sentence_transformers.util import cos_sim

        return cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosine of corresponding pairs, (N,) tensor."""
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(embeddings1, embeddings2)
