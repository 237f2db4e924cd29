"""Embeddings of one system by content, so that a text that stands in several tasks of a suite is read once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

MOST_BYTES = 1 << 30
_ENTRY_BYTES = 200  # of a key and a row beside the numbers


class SharedEmbeddings:
    """Rows by text and instruction, `most_bytes` of them at the most; the oldest go first. One system's, never two."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._rows: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def look_up(
        self, texts: Sequence[str], *, instruction: str, embed: Callable[[list[str]], np.ndarray]
    ) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32: those at hand from here, the others from `embed`, once each."""
        if not texts:
            return embed([])
        keys = {text: _key(text, instruction) for text in dict.fromkeys(texts)}
        missing = [text for text, key in keys.items() if key not in self._rows]
        fresh = dict(zip(missing, embed(missing), strict=True)) if missing else {}
        found = np.stack([fresh[text] if text in fresh else self._rows[keys[text]] for text in texts])
        for text, row in fresh.items():
            self._keep(keys[text], row)
        return found

    def _keep(self, key: bytes, row: np.ndarray) -> None:
        # A copy: a view would hold the whole matrix that it was made in.
        self._rows[key] = row.copy()
        self._bytes += row.nbytes + _ENTRY_BYTES
        while self._bytes > self.most_bytes:
            _, oldest = self._rows.popitem(last=False)
            self._bytes -= oldest.nbytes + _ENTRY_BYTES


def _key(text: str, instruction: str) -> bytes:
    content = f"{instruction}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()
