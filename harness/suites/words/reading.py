"""Word vectors for a task: every layer, the words around the target, words alone, and which words were cut off.

Tasks on the same data set read the same texts, so that one pass of the encoder serves them all where it fits in memory.
Shapes: L layers (the embedding first), P positions, N examples, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TAKES, Take, TextEncoder
from harness.errors import HarnessError
from harness.suites.words.data.examples import Span, WordExample, blank_spans

SHARED_BYTES = 4 * 2**30  # vectors of a data set that are kept for the next task


@dataclass(frozen=True, kw_only=True)
class Readable:
    """The examples whose words the encoder reads to their end, and how many it does not."""

    examples: tuple[WordExample, ...]
    vectors: NDArray[np.float32]  # (L, P, N, D)
    lost: int

    @property
    def note(self) -> str:
        """What was lost, in words; empty if nothing was."""
        if not self.lost:
            return ""
        total = self.lost + len(self.examples)
        return f"{self.lost} of {total} examples left out: the word lies behind the last token that this base reads"


class WordVectors:
    """The words of one data set as one encoder gives them; read when first asked for."""

    def __init__(self, encoder: TextEncoder, examples: Sequence[WordExample], positions: Sequence[int]) -> None:
        self._encoder, self._examples, self._positions = encoder, examples, tuple(positions)
        probe = encoder.word_vectors([examples[0].texts[0][slice(*examples[0].spans[0])]], [(0, 1)])
        words = len(examples) * len(positions) * len(examples[0].texts)
        self._shares = probe.nbytes * words * len(TAKES) <= SHARED_BYTES
        self._kept: dict[tuple[bool, Take], NDArray[np.float32]] = {}
        self._whole: dict[tuple[int, ...], NDArray[np.bool_]] = {}  # by positions: what is read to the end in its text

    def at(self, positions: Sequence[int], *, take: Take = "mean", alone: bool = False) -> Readable:
        """Vectors at `positions` counted in words from the target; of pairs, P is the two uses.

        With `alone` each word is a text of its own; examples that are cut off in their text are left out all the same.
        Raises HarnessError if every word is cut off.
        """
        vectors_LPND = self._vectors(positions, take=take, alone=alone)
        if (whole_N := self._whole.get(tuple(positions))) is None:
            in_text_LPND = vectors_LPND if not alone else self._vectors(positions, take="mean", alone=False)
            whole_N = self._whole[tuple(positions)] = np.isfinite(in_text_LPND[0]).all(axis=(0, 2))
        if not whole_N.any():
            raise HarnessError("every word is after the last token that this base reads; leave this task out")
        return Readable(
            examples=tuple(example for example, whole in zip(self._examples, whole_N, strict=True) if whole),
            vectors=vectors_LPND if whole_N.all() else vectors_LPND[:, :, whole_N],
            lost=int((~whole_N).sum()),
        )

    def _vectors(self, positions: Sequence[int], *, take: Take, alone: bool) -> NDArray[np.float32]:
        """(L, P × uses, N, D) of all examples, NaN for what is cut off."""
        uses = len(self._examples[0].texts)
        if self._shares:
            if (alone, take) not in self._kept:
                together = self._read(self._positions, takes=("mean",) if alone else TAKES, alone=alone)
                self._kept |= {(alone, each): vectors for each, vectors in together.items()}
            columns = [self._positions.index(p) * uses + use for p in positions for use in range(uses)]
            vectors_LPND = self._kept[alone, take]
            return vectors_LPND if columns == list(range(vectors_LPND.shape[1])) else vectors_LPND[:, columns]
        return self._read(positions, takes=(take,), alone=alone)[take]

    def _read(self, positions: Sequence[int], *, takes: Sequence[Take], alone: bool) -> dict[Take, NDArray[np.float32]]:
        """(L, P × uses, N, D) for each of `takes`, from one pass; of a word alone only the word itself is read."""
        texts: list[str] = []
        spans: list[Span] = []
        for position in positions:
            for use in range(len(self._examples[0].texts)):
                for example in self._examples:
                    text = example.texts[use]
                    start, end = _neighbour(text, example.spans[use], position)
                    texts.append(text[start:end] if alone else text)
                    spans.append((0, end - start) if alone else (start, end))
        words = len(texts)
        wanted = [take for take in takes for _ in range(words)]
        vectors = self._encoder.word_vectors(texts * len(takes), spans * len(takes), take=wanted, keep_cut=True)
        shape = (len(vectors), len(takes), -1, len(self._examples), vectors.shape[-1])
        return dict(zip(takes, vectors.reshape(shape).swapaxes(0, 1), strict=True))


# The last data set of each encoder: the tasks on one set follow each other.
_latest: WeakKeyDictionary[TextEncoder, tuple[Sequence[WordExample], WordVectors]] = WeakKeyDictionary()


def read_set(encoder: TextEncoder, examples: Sequence[WordExample], positions: Sequence[int]) -> WordVectors:
    """The reading of `examples` at all `positions` that tasks on them ask for; the same one if it was the last."""
    known = _latest.get(encoder)
    if known is None or known[0] is not examples:
        _latest.pop(encoder, None)  # before the next is read: both may not fit
        _latest[encoder] = (examples, WordVectors(encoder, examples, positions))
    return _latest[encoder][1]


def _neighbour(text: str, span: Span, position: int) -> Span:
    if position == 0:
        return span
    words = blank_spans(text)
    return words[words.index(span) + position]
