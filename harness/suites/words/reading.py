"""Word vectors for a task: every layer, the words around the target, words alone, and which words were cut off.

Tasks on the same data set read the same texts, and one pass of the encoder serves them all: what does not fit into
memory lies on disk. Shapes: L layers (the embedding first), P positions, N examples, D features.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import MOST_SHARED_BYTES, TAKES, Take, TextEncoder
from harness.errors import HarnessError
from harness.paths import cache_folder, room_for
from harness.suites.words.data.examples import Span, WordExample, blank_spans


class WordLayers:
    """An array for each of `count` layers; `get` gives it when it is asked for, for all together may not fit."""

    def __init__(self, count: int, get: Callable[[int], NDArray[np.float32]]) -> None:
        self._count, self._get = count, get

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, layer: int) -> NDArray[np.float32]:
        return self._get(range(self._count)[layer])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return map(self._get, range(self._count))

    @property
    def last(self) -> WordLayers:
        """The last layer alone."""
        return WordLayers(1, lambda _: self[-1])

    def each(self, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> WordLayers:
        """What `change` makes of each layer."""
        return WordLayers(self._count, lambda layer: change(self._get(layer)))


@dataclass(frozen=True, kw_only=True)
class Readable:
    """The examples whose words the encoder reads to their end, their vectors (P, N, D), and how many it does not."""

    examples: tuple[WordExample, ...]
    vectors: WordLayers
    lost: int

    @property
    def note(self) -> str:
        """What was lost, in words; empty if nothing was."""
        if not self.lost:
            return ""
        total = self.lost + len(self.examples)
        return f"{self.lost} of {total} examples left out: the word lies behind the last token that this base reads"


class WordVectors:
    """The words of one data set as one encoder gives them; each text is read once, when its words are first asked for.

    Kept in memory are MOST_SHARED_BYTES of them, the smaller arrays first; the others are on disk.
    """

    def __init__(self, encoder: TextEncoder, examples: Sequence[WordExample], positions: Sequence[int]) -> None:
        self._encoder, self._examples, self._positions = encoder, examples, tuple(positions)
        self._read: dict[bool, _Reading] = {}  # by whether words are read alone
        self._free = MOST_SHARED_BYTES

    def at(self, positions: Sequence[int], *, take: Take = "mean", alone: bool = False) -> Readable:
        """Vectors at `positions` counted in words from the target; of pairs, P is the two uses.

        Of all layers; of words that are taken or read otherwise than the score's, of the last layer alone. With `alone`
        each word is a text of its own; examples that are cut off in their text are left out all the same.
        Raises HarnessError if every word is cut off.
        """
        uses = len(self._examples[0].texts)
        columns = [self._positions.index(p) * uses + use for p in positions for use in range(uses)]
        whole_N: NDArray[np.bool_] = np.logical_and.reduce(self._reading(alone=False).whole_PN[columns])
        if not whole_N.any():
            raise HarnessError("every word is after the last token that this base reads; leave this task out")
        kept_LPND = self._reading(alone=alone).vectors[take]
        everything = columns == list(range(kept_LPND.shape[1]))

        def get(layer: int) -> NDArray[np.float32]:
            chosen_PND = kept_LPND[layer] if everything else kept_LPND[layer, columns]
            return chosen_PND if whole_N.all() else chosen_PND[:, whole_N]

        return Readable(
            examples=tuple(example for example, whole in zip(self._examples, whole_N, strict=True) if whole),
            vectors=WordLayers(len(kept_LPND), get),
            lost=int((~whole_N).sum()),
        )

    def _reading(self, *, alone: bool) -> _Reading:
        """Every word; alone, only the word itself is read."""
        if alone not in self._read:
            texts: list[str] = []
            spans: list[Span] = []
            for position in self._positions:
                for use in range(len(self._examples[0].texts)):
                    for example in self._examples:
                        text = example.texts[use]
                        start, end = _neighbour(text, example.spans[use], position)
                        texts.append(text[start:end] if alone else text)
                        spans.append((0, end - start) if alone else (start, end))
            takes: tuple[Take, ...] = ("mean",) if alone else TAKES
            wanted = [take for take in takes for _ in texts]
            made = _Reading(takes, len(self._examples), len(texts), every_layer=not alone, make=self._array)
            self._encoder.read_words(texts * len(takes), spans * len(takes), made, take=wanted, keep_cut=True)
            made.close()
            self._read[alone] = made
        return self._read[alone]

    def _array(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        size = 4 * int(np.prod(shape))
        if size > self._free:
            return _on_disk(shape, size)
        self._free -= size
        return np.empty(shape, dtype=np.float32)


class _Reading:
    """What one reading gives of `words` words: each word as it is taken in each of `takes`, (L, P, N, D).

    The mean has every layer if `every_layer`; all else has the last one only. `whole_PN`: the words that came.
    """

    def __init__(
        self,
        takes: Sequence[Take],
        examples: int,
        words: int,
        *,
        every_layer: bool,
        make: Callable[[tuple[int, ...]], NDArray[np.float32]],
    ) -> None:
        self._takes, self._examples, self._words, self._make = takes, examples, words, make
        self._every_layer = every_layer
        self.vectors: dict[Take, NDArray[np.float32]] = {}
        self.whole_PN = np.zeros((words // examples, examples), dtype=bool)

    def open(self, layers: int, width: int) -> None:
        self._last = layers - 1
        for take in reversed(self._takes):  # the large one after the small ones
            kept = layers if self._every_layer and take == "mean" else 1
            self.vectors[take] = self._make((kept, *self.whole_PN.shape, width))

    def add(self, layer: int, words: Sequence[int], vectors_WD: NDArray[np.float32]) -> None:
        taken_W, word_W = np.divmod(np.asarray(words), self._words)
        self.whole_PN.reshape(-1)[word_W] = True
        for number, take in enumerate(self._takes):
            kept_LPND = self.vectors[take]
            if len(kept_LPND) > 1 or layer == self._last:
                mine = taken_W == number
                kept_LPND[layer if len(kept_LPND) > 1 else 0].reshape(self._words, -1)[word_W[mine]] = vectors_WD[mine]

    def close(self) -> None:
        """Words that did not come are NaN, so that none is taken for a vector."""
        for kept_LPND in self.vectors.values():
            kept_LPND[:, ~self.whole_PN] = np.nan


def _on_disk(shape: tuple[int, ...], size: int) -> NDArray[np.float32]:
    """An array in a file of the cache that goes with it; where a file may be open without a name, also if killed."""
    folder = cache_folder()
    with room_for(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix="words-") as file:
            if hasattr(os, "posix_fallocate"):  # a disk that fills up while the array is written would kill the process
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


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
