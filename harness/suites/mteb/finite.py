"""An encoder as mteb takes it, stopped at the first embedding that is not a number."""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessError


class Finite:
    """What `model` (mteb's EncoderProtocol) gives, checked. Raises HarnessError for NaN or infinity."""

    def __init__(self, model: Any, task: str) -> None:
        self._model, self._task = model, task
        self.mteb_model_meta = model.mteb_model_meta

    def encode(self, inputs: Any, **options: Any) -> Any:
        """Embeddings (N, D) of mteb's batches, as the model gives them."""
        import torch

        found = self._model.encode(inputs, **options)
        bad = int((~torch.isfinite(torch.as_tensor(found)).all(dim=1)).sum())
        if bad:
            raise HarnessError(
                f"{self._model.mteb_model_meta.name} gives {bad} of {len(found)} texts of {self._task} an "
                "embedding that is not finite (NaN or infinity); its weights are broken, or --dtype is too narrow"
            )
        return found

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """As the model's."""
        return self._model.similarity(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """As the model's."""
        return self._model.similarity_pairwise(embeddings1, embeddings2)
