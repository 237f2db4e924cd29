"""The decoder by its layers: up to one of them, what lies behind is not computed; or all of them as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.errors import HarnessError


@contextmanager
def up_to_layer(backbone: Any, layer: int | None, *, name: str) -> Iterator[None]:
    """Let `backbone` answer with the states of `layer`, and as before afterwards.

    Layer 0 is the embedding. Only the last layer's states go through the norm at the end, as everywhere in transformers
    (`hidden_states`); None is the last. Raises HarnessError for a decoder whose layers do not stand in a list.
    """
    if layer is None or layer == count_layers(backbone, name=name):
        yield
        return
    layers, norm = backbone.layers, backbone.norm
    backbone.layers, backbone.norm = layers[:layer], torch.nn.Identity()
    try:
        yield
    finally:
        backbone.layers, backbone.norm = layers, norm


@torch.inference_mode()
def residual_states(backbone: Any, ids_BT: torch.Tensor) -> torch.Tensor:
    """States of texts of equal length, (L+1, B, T, D) float32: the embedding, and what each layer hands on.

    Unlike transformers' `hidden_states` the last one has not gone through the last norm, so that all layers compare.
    """
    norm, backbone.norm = backbone.norm, torch.nn.Identity()
    try:
        ids_BT = ids_BT.to(backbone.device)
        output = backbone(
            input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT), use_cache=False, output_hidden_states=True
        )
    finally:
        backbone.norm = norm
    return torch.stack(list(output.hidden_states)).float()


def count_layers(backbone: Any, *, name: str) -> int:
    """How many layers `backbone` has. Raises HarnessError as `up_to_layer`."""
    layers = getattr(backbone, "layers", None)
    if not isinstance(layers, torch.nn.ModuleList) or not isinstance(getattr(backbone, "norm", None), torch.nn.Module):
        raise HarnessError(
            f"{name}: a {backbone.config.model_type} cannot be read at one of its layers; take `layer` out of the card"
        )
    return len(layers)
