"""What a cure reads and writes with, by an encoder (harness.rereading)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.encoder.losses import text_losses
from harness.encoder.reader import EncodingProgress
from harness.encoder.rewriting import rewrite

if TYPE_CHECKING:
    from harness.encoder.model import Encoder


@dataclass(frozen=True)
class SystemReader:
    """The reader of a cure (harness.rereading.CureReader): `encoder` itself, its language model, and its base.

    The watch of the encoder hears of all tokens that are read and written, so that they count as cost.
    """

    encoder: Encoder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of `texts` as they stand, (N, D)."""
        return self.encoder.encode(texts)

    def nats(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """What the language model loses on each text, (N,)."""
        model, began = self.encoder.language_model(), time.monotonic()
        found = text_losses(model.model, model.tokenizer, texts, limit=model.limit)
        self._heard(len(texts), int(found.tokens.sum()), began)
        return found.nats

    def write_anew(self, texts: Sequence[str]) -> list[str]:
        """What the base, an instruction model, writes for each text."""
        model, began = self.encoder.language_model(), time.monotonic()
        made = rewrite(model, texts, name=self.encoder.name)
        self._heard(len(texts), sum(made.tokens), began)
        return made.texts

    def _heard(self, texts: int, tokens: int, began: float) -> None:
        if self.encoder.watch is not None:
            seconds = time.monotonic() - began
            self.encoder.watch.reading(
                EncodingProgress(texts=texts, all_texts=texts, tokens=tokens, all_tokens=tokens, seconds=seconds)
            )
