"""What a task may ask of a system. Encoders of variants, reference models and the bag of words give it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from harness.encoder.language_model import LanguageModel
    from harness.encoder.received import Received

Take = Literal["mean", "first", "last"]
TAKES: tuple[Take, ...] = ("mean", "first", "last")
# What of one system's vectors is kept in memory for later tasks: embeddings of texts, word vectors of a data set.
MOST_SHARED_BYTES = 2 << 30


class WordSink(Protocol):
    """Takes word vectors as they are read: those of all layers and words together may not fit into memory."""

    def open(self, layers: int, width: int) -> None:
        """Before the first vectors: how many layers there are, the embedding among them, and dimensions."""

    def add(self, layer: int, words: Sequence[int], vectors_WD: np.ndarray) -> None:
        """The vectors at one layer, float32, of `words` (indices into what is read)."""


class TextEncoder(Protocol):
    """A system that is open and ready to be measured."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read, special tokens included."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has before anything is cut off, special tokens not included."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order. Raises HarnessError for one that is not finite."""

    def as_read(self, texts: Sequence[str]) -> list[str] | None:
        """What the system's cure makes of `texts`, which it reads in their place; None where it has no cure."""

    def word_vectors(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
    ) -> np.ndarray:
        """Vectors of the words at character `spans` (start, end), one a text: (layers, N, D) float32.

        Layer 0 is the embedding. A token belongs to a word if the two share a character. `take`, for all words or one a
        word, says what is taken of a word's tokens: the mean, the first or the last. Words are read in their text
        alone, without the recipe's instruction or suffix; in a template at the text's last place, in the first template
        where there are several.
        Raises HarnessError for a state that is not finite, and for a span that covers no token: it lies outside its
        text, is empty, or is cut off at `max_tokens`. With `keep_cut` a word that is cut off gets NaN instead.
        """

    def read_words(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        sink: WordSink,
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
    ) -> None:
        """As `word_vectors`, handed to `sink` as they are read; with `keep_cut` it gets no word that is cut off."""

    def token_states(self, ids_BT: Any) -> Any:
        """States of texts of equal length by their token ids: tensors, as harness.encoder.layers.residual_states."""

    def by_layer(self, texts: Sequence[str], *, whole: bool = False) -> np.ndarray:
        """Embeddings as each layer would give them, (L+1, N, D) float32, the embedding layer first.

        Raises HarnessError where there are none; with `whole` also for a text that is cut.
        """

    def attention_received(self, ids_T: list[int]) -> Received:
        """How much attention each token of a text gets, by the text's token ids."""

    def language_model(self) -> LanguageModel:
        """The causal language model inside. Raises HarnessError where there is none."""

    def for_mteb(self) -> Any:
        """The system as mteb's EncoderProtocol."""

    def forget(self) -> None:
        """Keep no embedding: what is read next does not depend on what was read before, to the last digit."""

    def truncation_note(self) -> str:
        """How many of the distinct texts asked for since the last call were cut; "" if none was."""
