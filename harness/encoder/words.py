"""What variants and reference models have in common: a SentenceTransformer, and the vectors of words in its decoder.

Word vectors go by character span: states of a word's tokens, at every layer, from one forward pass.

Shapes: N (text, span) pairs, L+1 layers with the embedding first, W words of a pass, D width.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from harness.encoder.layers import residual_states
from harness.encoder.protocol import Take, WordSink
from harness.encoder.reader import EncodingWatch, Pass, Reader
from harness.encoder.received import Received, attention_received
from harness.encoder.tokens import Tokens, count_tokens, tokenise
from harness.errors import HarnessError
from harness.text_to_vector import TextToVector

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHOSEN: dict[Take, slice] = {"mean": slice(None), "first": slice(0, 1), "last": slice(-1, None)}


class ModelEncoder:
    """A SentenceTransformer that words can be read with. `watch` hears how reading goes."""

    def __init__(self, model: SentenceTransformer, *, name: str, revision: str, workers: int | None = None) -> None:
        self.model = model
        self.name = name
        self.revision = revision
        self.watch: EncodingWatch | None = None
        self._workers = workers
        self._reader: Reader | None = None
        self._batch_size: int | None = None
        self._asked: set[bytes] = set()
        self._cut: set[bytes] = set()

    @property
    def reader(self) -> Reader:
        """What reads tokens for this model, with the model's present limit."""
        if self._reader is None:
            backbone, tokenizer = getattr(self.model[0], "model", None), self.model.tokenizer
            if backbone is None or not getattr(tokenizer, "is_fast", False):
                raise HarnessError(
                    f"{self.name} has no transformer with a tokenizer that gives character offsets, so no word "
                    "vectors; measure it on tasks of whole texts"
                )
            self._reader = Reader(backbone, tokenizer, limit=self.max_tokens, workers=self._workers)
        self._reader.limit = self.max_tokens
        return self._reader

    @property
    def words_in(self) -> TextToVector | None:
        """What a text stands in while a word of it is read, at the text's last place; None: it stands alone."""
        return None

    @property
    def projection(self) -> np.ndarray | None:
        """The map that word vectors are multiplied by, (D, width); None: they stay as they are."""
        return None

    @property
    def max_tokens(self) -> int:
        """How many tokens are read of a text, special ones among them."""
        return int(self.model.max_seq_length or self.model.tokenizer.model_max_length)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, all of them, special ones left out."""
        return count_tokens(self.model.tokenizer, texts)

    def as_read(self, texts: Sequence[str]) -> list[str] | None:
        """As TextEncoder.as_read: no cure."""
        return None

    def forget(self) -> None:
        """As TextEncoder.forget: nothing is kept."""

    def truncation_note(self) -> str:
        """How many of the distinct texts asked for since the last call were cut; "" if none was."""
        asked, self._asked = self._asked, set()
        cut = len(asked & self._cut)
        return f"{cut} of {len(asked)} texts cut at {self.max_tokens} tokens" if cut else ""

    def token_states(self, ids_BT: torch.Tensor) -> torch.Tensor:
        """As TextEncoder.token_states."""
        self.check_reads_as_given()
        self.check_whole()
        return residual_states(self.reader.backbone, ids_BT)

    def attention_received(self, ids_T: list[int]) -> Received:
        """As TextEncoder.attention_received."""
        self.check_reads_as_given()
        self.check_whole()
        return attention_received(self.reader.backbone, ids_T, name=self.name)

    def check_reads_as_given(self) -> None:
        """Raise HarnessError where texts are read anew by a cure: a place in the text is none in what is read."""
        if self.as_read(()) is not None:
            raise HarnessError(
                f"{self.name} reads every text anew (`reread` in its card), so words and tokens of a text have no "
                "place in what it reads; choose tasks of whole texts with --tasks"
            )

    def check_whole(self) -> None:
        """Raise HarnessError where vectors are mapped to fewer numbers, for what is asked of the model inside."""
        if self.projection is not None:
            raise HarnessError(
                f"{self.name} maps its vectors to {self.projection.shape[1]} numbers (`width`), which concerns neither "
                "its language model nor its states and attention; measure those of the variant without `width`, or "
                "choose other tasks with --tasks"
            )

    def word_vectors(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """As TextEncoder.word_vectors; `batch_size` as in Reader.read. Each distinct text is read once."""
        whole = _InMemory(len(texts))
        self.read_words(texts, spans, whole, take=take, keep_cut=keep_cut, batch_size=batch_size)
        return whole.vectors

    def read_words(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        sink: WordSink,
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
        batch_size: int | None = None,
    ) -> None:
        """As TextEncoder.read_words; see `word_vectors`."""
        self.check_reads_as_given()
        reader, batch_size = self.reader, self._batch_size or batch_size
        if len(texts) != len(spans):
            raise HarnessError(f"{len(texts)} texts but {len(spans)} spans; give one span for each text")
        if not len(texts):
            raise HarnessError("no words to read; give at least one text and span")
        for text, (start, end) in zip(texts, spans, strict=True):
            if not 0 <= start < end <= len(text):
                raise HarnessError(
                    f"the span {start}:{end} lies outside its text of {len(text)} characters: {text[:60]!r}"
                )
        taken: Sequence[Take] = [take] * len(texts) if isinstance(take, str) else take
        if len(taken) != len(texts):
            raise HarnessError(f"{len(texts)} texts but {len(taken)} choices of tokens; give one for each text")
        wanted: dict[str, list[int]] = defaultdict(list)
        for index, text in enumerate(texts):
            wanted[text].append(index)
        distinct = list(wanted)
        how = self.words_in
        template = how.templates[0] if how else None
        tokens = tokenise(reader.tokenizer, distinct, limit=reader.limit, how=how, template=template, offsets=True)
        narrow = self.projection
        places, cut = _places(tokens, distinct, wanted, spans, taken)
        if cut and not keep_cut:
            text, (start, end) = texts[cut[0]], spans[cut[0]]
            raise HarnessError(
                f"the word {text[start:end]!r} is cut off at {reader.limit} tokens; shorten the text {text[:60]!r}"
            )
        opened = False

        def mean(done: Pass) -> None:
            nonlocal opened
            if not opened:
                sink.open(len(done.states), done.states[0].shape[-1] if narrow is None else narrow.shape[1])
                opened = True
            here = [(start, places[row]) for row, start in zip(done.rows, done.starts, strict=True)]
            words = [index for _, of_text in here for index, _ in of_text]
            if not words:
                return
            of_word = [start + token for start, of_text in here for _, token in of_text]
            for layer, vectors_WD in enumerate(_means(done, of_word)):
                if not np.isfinite(vectors_WD).all():
                    raise HarnessError(
                        "a state of a word is not finite; check the checkpoint's weights, or use --dtype float32"
                    )
                sink.add(layer, words, vectors_WD if narrow is None else vectors_WD @ narrow)

        reader.read(tokens.ids, mean, layers=True, batch_size=batch_size, watch=self.watch)


class _InMemory:
    """All layers of all words, (L+1, N, D); NaN for a word that did not come."""

    def __init__(self, words: int) -> None:
        self._words = words

    def open(self, layers: int, width: int) -> None:
        self.vectors = np.full((layers, self._words, width), np.nan, dtype=np.float32)

    def add(self, layer: int, words: Sequence[int], vectors_WD: np.ndarray) -> None:
        self.vectors[layer, words] = vectors_WD


def text_key(text: str, instruction: str) -> bytes:
    """What a text under an instruction is known by, 16 bytes."""
    content = f"{instruction}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()


def check_finite(found: Any, texts: Sequence[str], *, name: str) -> None:
    """Raise HarnessError if an embedding of `texts`, a row of `found` (N, D), is NaN or infinite."""
    finite_N = torch.as_tensor(found).isfinite().all(dim=1)
    if not finite_N.all():
        bad = texts[int((~finite_N).nonzero()[0])]
        raise HarnessError(
            f"{name} gives an embedding that is not finite for {bad[:60]!r}; check its weights, or use --dtype float32"
        )


def _means(done: Pass, tokens: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """(W, D) for each layer: for each word, the mean of its rows `tokens` of the pass's states."""
    device = done.states[0].device
    counts = torch.tensor([len(rows) for rows in tokens], device=device)
    word_of_token = torch.repeat_interleave(torch.arange(len(tokens), device=device), counts)
    rows = torch.from_numpy(np.concatenate(tokens)).to(device)
    for layer in done.states:
        sums = torch.zeros(len(tokens), layer.shape[-1], device=device)
        yield (sums.index_add_(0, word_of_token, layer[rows].float()) / counts[:, None]).cpu().numpy()


def _places(
    tokens: Tokens,
    distinct: Sequence[str],
    wanted: dict[str, list[int]],
    spans: Sequence[tuple[int, int]],
    taken: Sequence[Take],
) -> tuple[list[list[tuple[int, np.ndarray]]], list[int]]:
    """For each distinct text its words (index among all, tokens that are taken), and the words that are cut off."""
    places: list[list[tuple[int, np.ndarray]]] = []
    cut: list[int] = []
    for row, (text, offsets_T2) in enumerate(zip(distinct, tokens.offsets, strict=True)):
        whole_T2 = tokens.whole.get(row, offsets_T2)
        places.append([])
        for index in wanted[text]:
            inside = np.flatnonzero(_tokens_of(offsets_T2, spans[index]))
            # By the number of tokens: a normaliser may leave a word's last character without one of its own.
            if not len(inside) or len(inside) < np.count_nonzero(_tokens_of(whole_T2, spans[index])):
                cut.append(index)
            else:
                places[-1].append((index, inside[_CHOSEN[taken[index]]]))
    return places, sorted(cut)


def _tokens_of(offsets_T2: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    start, end = span
    first, last = offsets_T2[:, 0], offsets_T2[:, 1]
    return (first < end) & (last > start) & (last > first)
