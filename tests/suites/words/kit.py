"""What the tests of the words suite share."""

from __future__ import annotations

from typing import Any

import numpy as np


class AtOnce:
    """An encoder whose `word_vectors` are handed over layer by layer, without the words that are cut off."""

    def read_words(self, texts, spans, sink, *, take="mean", keep_cut=False) -> None:
        vectors_LND: np.ndarray = self.word_vectors(texts, spans, take=take, keep_cut=keep_cut)  # type: ignore[attr-defined]
        whole: Any = np.flatnonzero(np.isfinite(vectors_LND).all(axis=(0, 2)))
        sink.open(len(vectors_LND), vectors_LND.shape[2])
        for layer, vectors_ND in enumerate(vectors_LND):
            sink.add(layer, whole, vectors_ND[whole])
