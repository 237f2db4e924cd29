"""Sentence embeddings of one system: distinct texts once, in the reader's passes, pooled by the model's own modules.

Shapes: N texts, B texts of a pass, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from harness.encoder.reader import EncodingWatch, Pass, Reader
from harness.encoder.tokens import Tokens, tokenise
from harness.errors import HarnessError
from harness.text_to_vector import TextToVector

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Engine:
    """Embeds with a `SentenceTransformer` whose first module is a decoder and whose others pool."""

    def __init__(self, model: SentenceTransformer, *, name: str, how: TextToVector, workers: int | None = None) -> None:
        self.model = model
        self.name = name
        self.how = how
        self._reader = Reader(model[0].model, model.tokenizer, limit=_limit(model), workers=workers)
        self.watch: EncodingWatch | None = None
        self._asked: set[int] = set()
        self._long: set[int] = set()

    @property
    def reader(self) -> Reader:
        """What reads for this model, with the model's present limit."""
        self._reader.limit = _limit(self.model)
        return self._reader

    def embed(self, texts: Sequence[str], *, instruction: str = "", batch_size: int | None = None) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order; `batch_size` as in Reader.read.

        `instruction` stands before each of them. Pooling is in float32 whatever the weights are in.
        Raises HarnessError for an embedding that is not finite.
        """
        distinct = list(dict.fromkeys(texts))
        reader = self.reader
        tokens = tokenise(reader.tokenizer, distinct, limit=reader.limit, how=self.how, prefix=instruction)
        found = np.empty((len(distinct), int(self.model.get_embedding_dimension() or 0)), dtype=np.float32)

        def pool(done: Pass) -> None:
            found[done.rows] = self._pool(done, tokens)

        reader.read(tokens.ids, pool, batch_size=batch_size, watch=self.watch)
        self._long |= {_key(distinct[row], instruction) for row in tokens.cut}
        self.count(distinct, instruction=instruction)
        if not np.isfinite(found).all():
            bad = distinct[int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])]
            raise HarnessError(
                f"{self.name} gives an embedding that is not finite for {bad[:60]!r}; check its weights, "
                "or use --dtype float32"
            )
        place = {text: row for row, text in enumerate(distinct)}
        return found[[place[text] for text in texts]]

    def count(self, texts: Iterable[str], *, instruction: str = "") -> None:
        """Take note that `texts` were asked for, whether read now or at hand from before."""
        self._asked |= {_key(text, instruction) for text in texts}

    def take_cut(self) -> str:
        """Say how many of the distinct texts asked for since the last call were cut; "" if none was."""
        asked, self._asked = self._asked, set()
        cut = len(asked & self._long)
        return f"{cut} of {len(asked)} texts cut at {self.reader.limit} tokens" if cut else ""

    def describe(self) -> dict[str, str]:
        """How texts are read, for the provenance of a run."""
        because = self.reader.padded_because
        return {"kernel": self.reader.kernel, "layout": f"padded: {because}" if because else "packed"}

    @torch.inference_mode()
    def _pool(self, done: Pass, tokens: Tokens) -> np.ndarray:
        """(B, D) float32, by the modules behind the decoder."""
        (states,) = done.states
        states_BTD, mask_BT = done.by_text(states)
        ids_BT, pooled_BT = (_beside(done, rows).to(states.device) for rows in (tokens.ids, tokens.pooled))
        features = {
            "input_ids": ids_BT,
            "attention_mask": mask_BT * pooled_BT,
            "token_embeddings": states_BTD.float(),
        }
        for module in list(self.model)[1:]:
            features = module(features)
        return features["sentence_embedding"].float().cpu().numpy()


def _limit(model: SentenceTransformer) -> int:
    """The most tokens that the model reads; a model that names no limit has that of its positions."""
    limit = model.max_seq_length or getattr(model[0].model.config, "max_position_embeddings", None)
    if limit is None:
        raise HarnessError("the model has no maximum number of tokens; set max_seq_length")
    return int(limit)


def _key(text: str, instruction: str) -> int:
    return hash((instruction, text))


def _beside(done: Pass, rows: Sequence[np.ndarray]) -> torch.Tensor:
    """What each text of the pass has for its tokens, (B, T), 0 where it has none."""
    beside_BT = np.zeros((len(done.rows), int(done.lengths.max())), dtype=np.int64)
    for place, row in enumerate(done.rows):
        beside_BT[place, : len(rows[row])] = rows[row]
    return torch.from_numpy(beside_BT)
