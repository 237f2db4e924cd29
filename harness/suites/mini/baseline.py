"""The lower bound: a bag of words, an encoder like any other (harness.encoder.protocol.TextEncoder).

A text is the count of its tokens, a word is the count of its own tokens: no context, no training. Whatever a
task gives to this, it gives for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.encoder.for_mteb import ForMteb
from harness.encoder.protocol import WordSink
from harness.errors import HarnessError
from harness.mini import checkpoint_folder


class BagOfWords:
    """Token counts of the mini base's tokenizer."""

    max_tokens = sys.maxsize

    def __init__(self, tokenizer_folder: Path | None = None) -> None:
        from tokenizers import Tokenizer

        folder = tokenizer_folder or checkpoint_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._size = self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(N, V) float32 token counts, BOS not counted."""
        counts_NV = np.zeros((len(texts), self._size), dtype=np.float32)
        for row, encoding in zip(
            counts_NV, self._tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            np.add.at(row, encoding.ids, 1.0)
        return counts_NV

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has."""
        return [len(each.ids) for each in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def as_read(self, texts: Sequence[str]) -> None:
        """No cure."""

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]], **_: Any) -> np.ndarray:
        """(1, N, V) float32: the mean of the one-hot vectors of each word's own tokens."""
        counts_NV = self.encode([text[slice(*span)] for text, span in zip(texts, spans, strict=True)])
        return (counts_NV / np.maximum(counts_NV.sum(axis=1, keepdims=True), 1.0))[None]

    def read_words(self, texts: Sequence[str], spans: Sequence[tuple[int, int]], sink: WordSink, **_: Any) -> None:
        """The same, handed over at once."""
        (vectors_ND,) = self.word_vectors(texts, spans)
        sink.open(1, vectors_ND.shape[1])
        sink.add(0, range(len(texts)), vectors_ND)

    def token_states(self, ids_BT: Any) -> Any:
        """Raises HarnessError: there are none."""
        return self.language_model()

    def by_layer(self, texts: Sequence[str], *, whole: bool = False) -> np.ndarray:
        """The counts, the only layer there is."""
        return self.encode(texts)[None]

    def attention_received(self, ids_T: list[int]) -> Any:
        """Raises HarnessError: there is none."""
        return self.language_model()

    def language_model(self) -> Any:
        """Raises HarnessError: there is none."""
        raise HarnessError(
            "a bag of words is not a language model, so it has neither retention nor layers; leave it out"
        )

    def for_mteb(self) -> ForMteb:
        """The counts as mteb takes them."""
        return ForMteb(lambda texts, *_: self.encode(texts), name="harness/bag-of-words", revision="1")

    def forget(self) -> None:
        """Nothing is kept."""

    def truncation_note(self) -> str:
        """Nothing is ever cut."""
        return ""
