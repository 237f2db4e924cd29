"""Any sentence-transformers model as a system to be measured: as it comes, nothing proven and nothing trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from harness.encoder.for_mteb import model_meta
from harness.encoder.opening import open_model
from harness.encoder.placement import Placement
from harness.encoder.reader import Progress
from harness.encoder.words import ModelEncoder, check_finite, text_key
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.encoder.language_model import LanguageModel


class ReferenceEncoder(ModelEncoder):
    """A model as its authors saved it, with its own modules and prompts; what mteb would measure.

    `opening` says what was seen of weights and tokens as it was opened, `warning` what a user should know of it.
    """

    opening: Mapping[str, str] = MappingProxyType({})
    warning: str = ""

    def __init__(self, model: SentenceTransformer, *, name: str, revision: str, workers: int | None = None) -> None:
        super().__init__(model, name=name, revision=revision, workers=workers)
        self._progress: Progress | None = None
        self._rows: dict[str, int] = {}
        # mteb calls the model itself, so that it has to be overheard.
        self._encode, self._preprocess = model.encode, model.preprocess
        model.encode, model.preprocess = self._overheard, self._overheard_batch

    def _overheard(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        """The model's own `encode`, checked, with its progress told to the watch.

        Raises HarnessError for an embedding that is not finite.
        """
        several = not isinstance(inputs, str) and all(isinstance(text, str) for text in inputs)
        if several and getattr(self.model.tokenizer, "is_fast", False):
            lengths = np.minimum(self.count_tokens(inputs), self.max_tokens) if len(inputs) else np.zeros(0, dtype=int)
            self._rows = {text: row for row, text in enumerate(inputs)}
            self._progress = Progress(lengths, self.watch)
        try:
            found = self._encode(inputs, *arguments, **options)
        finally:
            self._progress = None
        if several and isinstance(found, np.ndarray | torch.Tensor):
            check_finite(found, inputs, name=self.name)
        return found

    def _overheard_batch(self, inputs: Any, prompt: str | None = None, **options: Any) -> Any:
        """The model's own `preprocess` of a batch; which of its texts are cut is counted, the prompt included."""
        if self._progress is not None:
            texts = [f"{prompt or ''}{text}" for text in inputs]
            ids = self.model.tokenizer(texts, verbose=False)["input_ids"]
            keys = [text_key(text, "") for text in texts]
            self._asked.update(keys)
            self._cut.update(key for key, read in zip(keys, ids, strict=True) if len(read) > self.max_tokens)
            self._progress.add(np.array([self._rows[text] for text in inputs], dtype=np.int64))
        return self._preprocess(inputs, prompt=prompt, **options)

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

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of `texts`, (N, D) float32, in their order. Raises HarnessError for one that is not finite."""
        return np.asarray(self.model.encode(list(texts), show_progress_bar=False), dtype=np.float32)

    def by_layer(self, texts: Sequence[str], *, whole: bool = False) -> np.ndarray:
        """Raises HarnessError: what its modules make of an inner layer is not known."""
        raise HarnessError(f"{self.name} is a reference model, so its layers are not read; measure a variant of a base")

    def language_model(self) -> LanguageModel:
        raise HarnessError(
            f"{self.name} is a reference model and not a causal language model; leave out the retention tasks"
        )


def build_reference(folder: Path, *, bare: bool, place: Placement, name: str, revision: str) -> ReferenceEncoder:
    """Open the model in `folder`; a `bare` transformers checkpoint is mean pooled over all its tokens.

    Nothing is unpickled and no code of the model's is run. Raises HarnessError if it cannot be opened.
    """
    model, opening, warning = open_model(folder, bare=bare, place=place, name=name)
    place.fit_threads(sum(weight.numel() for weight in model.parameters()))
    encoder = ReferenceEncoder(model, name=name, revision=revision, workers=place.workers)
    encoder.opening, encoder.warning = opening, warning
    return encoder
