"""Any sentence-transformers model as a system to be measured: as it comes, nothing proven and nothing trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from harness.encoder.for_mteb import model_meta
from harness.encoder.placement import Placement
from harness.encoder.protocol import Take
from harness.encoder.reader import EncodingWatch, Progress, Reader
from harness.encoder.tokens import count_tokens
from harness.encoder.words import read_words
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.encoder.language_model import LanguageModel


class ReferenceEncoder:
    """A model as its authors saved it, with its own modules and prompts; what mteb would measure."""

    def __init__(self, model: SentenceTransformer, *, name: str, revision: str, workers: int | None = None) -> None:
        self.model = model
        self.name = name
        self.revision = revision
        self.workers = workers
        self.watch: EncodingWatch | None = None
        self._asked: set[str] = set()
        self._cut: set[str] = set()
        self._progress: Progress | None = None
        self._rows: dict[str, int] = {}
        # mteb calls the model itself, so that it has to be overheard.
        self._encode, self._preprocess = model.encode, model.preprocess
        model.encode, model.preprocess = self._overheard, self._overheard_batch

    def _overheard(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        """The model's own `encode`, with its progress told to the watch."""
        if self._countable and not isinstance(inputs, str) and all(isinstance(text, str) for text in inputs):
            lengths = np.minimum(self.count_tokens(inputs), self.max_tokens) if len(inputs) else np.zeros(0, dtype=int)
            self._rows = {text: row for row, text in enumerate(inputs)}
            self._progress = Progress(lengths, self.watch)
        try:
            return self._encode(inputs, *arguments, **options)
        finally:
            self._progress = None

    def _overheard_batch(self, inputs: Any, prompt: str | None = None, **options: Any) -> Any:
        """The model's own `preprocess` of a batch; which of its texts are cut is counted, the prompt included."""
        if self._progress is not None:
            texts = [f"{prompt or ''}{text}" for text in inputs]
            ids = self.model.tokenizer(texts, verbose=False)["input_ids"]
            self._asked.update(texts)
            self._cut.update(text for text, read in zip(texts, ids, strict=True) if len(read) > self.max_tokens)
            self._progress.add(np.array([self._rows[text] for text in inputs], dtype=np.int64))
        return self._preprocess(inputs, prompt=prompt, **options)

    @property
    def _countable(self) -> bool:
        """Whether the tokenizer is one of transformers, whose tokens can be counted and placed."""
        return bool(getattr(self.model.tokenizer, "is_fast", False))

    def for_mteb(self) -> Any:
        """The model as mteb takes it, under its name and revision."""
        from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper

        wrapped = SentenceTransformerEncoderWrapper(self.model)
        name = self.name if "/" in self.name else f"harness/{self.name}"
        wrapped.mteb_model_meta = model_meta(
            name,
            self.revision,
            embed_dim=self.model.get_embedding_dimension(),
            max_tokens=self.model.max_seq_length,
        )
        return wrapped

    @property
    def max_tokens(self) -> int:
        """How many tokens are read of a text, special ones among them."""
        return int(self.model.max_seq_length or self.model.tokenizer.model_max_length)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, all of them, special ones left out."""
        return count_tokens(self.model.tokenizer, texts)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order."""
        return np.asarray(self.model.encode(list(texts), show_progress_bar=False), dtype=np.float32)

    def word_vectors(
        self,
        texts: Sequence[str],
        spans: Sequence[tuple[int, int]],
        *,
        take: Take | Sequence[Take] = "mean",
        keep_cut: bool = False,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """As TextEncoder.word_vectors; `batch_size` as in Encoder.encode."""
        backbone, tokenizer = getattr(self.model[0], "model", None), self.model.tokenizer
        if backbone is None or not self._countable:
            raise HarnessError(
                f"{self.name} has no transformer with a tokenizer that gives character offsets, so no word vectors; "
                "measure it on tasks of whole texts"
            )
        reader = Reader(backbone, tokenizer, limit=self.max_tokens, workers=self.workers)
        return read_words(reader, texts, spans, take=take, keep_cut=keep_cut, batch_size=batch_size, watch=self.watch)

    def truncation_note(self) -> str:
        """How many of the distinct texts read since the last call were cut; "" if none was."""
        asked, self._asked = self._asked, set()
        cut = len(asked & self._cut)
        return f"{cut} of {len(asked)} texts cut at {self.max_tokens} tokens" if cut else ""

    def language_model(self) -> LanguageModel:
        raise HarnessError(
            f"{self.name} is a reference model and not a causal language model; leave out the retention tasks"
        )


def build_reference(folder: Path, *, bare: bool, place: Placement, name: str, revision: str) -> ReferenceEncoder:
    """Open the model in `folder`; a `bare` transformers checkpoint is mean pooled over all its tokens.

    Nothing is unpickled and no code of the model's is run. Raises HarnessError if it cannot be opened.
    """
    kwargs = {"dtype": getattr(torch, place.dtype), "use_safetensors": True}
    try:
        if bare:
            transformer = Transformer(str(folder), model_kwargs=kwargs)
            width = int(transformer.model.config.hidden_size)
            model = SentenceTransformer(modules=[transformer, Pooling(width, "mean")], device=place.device)
        else:
            model = SentenceTransformer(
                str(folder), device=place.device, trust_remote_code=False, local_files_only=True, model_kwargs=kwargs
            )
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        raise HarnessError(
            f"{name} cannot be opened as a sentence-transformers model: {str(error).strip().splitlines()[0]}"
        ) from error
    place.fit_threads(sum(weight.numel() for weight in model.parameters()))
    return ReferenceEncoder(model, name=name, revision=revision, workers=place.workers)
