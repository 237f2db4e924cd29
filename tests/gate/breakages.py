"""Ways to break an encoder on purpose. Each is undone by pytest's monkeypatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from harness.encoder import model as encoder_model
from harness.encoder import packing
from harness.encoder.mask_proof import MaskProof
from harness.encoder.model import Encoder
from harness.encoder.opening import redraw


def without_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask proof says yes to everything: what is left to find a wrong mask is the gate."""

    class Trusting(MaskProof):
        @property
        def passed(self) -> bool:
            return True

        def require(self) -> MaskProof:
            return self

    def prove(self: Encoder, **_: Any) -> MaskProof:
        return Trusting(attention=self.recipe.attention, checks=())

    monkeypatch.setattr(Encoder, "prove", prove)


def after_building(monkeypatch: pytest.MonkeyPatch, change: Callable[[Encoder], None]) -> None:
    """Apply `change` to every encoder as it is made."""
    real = encoder_model.build_encoder

    def build(*arguments: Any, **options: Any) -> Encoder:
        made = real(*arguments, **options)
        change(made)
        return made

    monkeypatch.setattr(encoder_model, "build_encoder", build)


def mask_flipped_for_batches_of_one(encoder: Encoder) -> None:
    """A single text is read under the other mask."""
    backbone = encoder.backbone
    real = backbone.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        ids = options["input_ids"] if "input_ids" in options else arguments[0]
        right = backbone.config.is_causal
        if ids.shape[0] == 1:
            backbone.config.is_causal = not right
        try:
            return real(*arguments, **options)
        finally:
            backbone.config.is_causal = right

    backbone.forward = forward


def embeddings_out_of_order(encoder: Encoder) -> None:
    """Embeddings come back in the order in which the texts were read, longest first."""
    real = encoder._read

    def read(texts: Sequence[str], *options: Any) -> np.ndarray:
        return real(texts, *options)[sorted(range(len(texts)), key=lambda row: -len(texts[row]))]

    encoder._read = read  # type: ignore[method-assign]


def texts_that_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of a packed pass attend to one another, as if they were one."""
    real = packing.lay_out

    def lay_out(lengths: Any, **options: Any) -> Any:
        _, positions = real(lengths, **options)
        return real([sum(lengths)], **options)[0], positions

    monkeypatch.setattr(packing, "lay_out", lay_out)


def weights_drawn_anew(encoder: Encoder) -> None:
    """The weights are those of another seed of the initialisation, not those that were trained."""
    redraw(encoder.backbone, seed=1)
