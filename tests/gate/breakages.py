"""Ways to break an encoder on purpose. Each is undone by pytest's monkeypatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.encoder import model as encoder_model
from harness.encoder.attention import MaskProof
from harness.encoder.model import Encoder


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


def pooling_over_padding(encoder: Encoder) -> None:
    """The mean of a text is taken over its padding too."""
    transformer = encoder.model[0]
    real = transformer.forward

    def forward(features: Any, **options: Any) -> Any:
        made = real(features, **options)
        made["attention_mask"] = torch.ones_like(made["attention_mask"])
        return made

    transformer.forward = forward


def weights_drawn_anew(encoder: Encoder) -> None:
    """The weights are those of another seed of the initialisation, not those that were trained."""
    encoder_model._redraw(encoder.backbone, 1)
