"""The mask by degrees: how many tokens ahead a token sees, in which layers.

transformers knows two masks. A degree between them starts from the bidirectional one, and takes from each attention
layer what it may not see.

Shapes: T tokens of a text (or of a padded row).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.errors import HarnessError
from harness.text_to_vector import Degree

_PACKED = "layout"  # what a packed kernel is given (harness.encoder.packing)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ahead:
    """Which of the tokens behind it a token sees: the next `tokens`, and those that `drawn`, (T, T) boolean, has."""

    tokens: int
    drawn: Tensor | None = None

    def seen(self, tokens: int, *, device: Any = None) -> Tensor:
        """Which key (second axis) a query (first axis) of one text of so many tokens sees, (T, T) boolean."""
        places = torch.arange(tokens, device=device)
        seen_TT = places[None, :] <= places[:, None] + self.tokens
        return seen_TT if self.drawn is None else seen_TT | self.drawn[:tokens, :tokens].to(seen_TT.device)


def set_degree(backbone: Any, degree: Degree, *, name: str) -> None:
    """Let every attention layer of `backbone`, which is bidirectional, see what `degree` allows, and no more.

    Raises HarnessError for a decoder whose mask cannot be set by degrees.
    """
    layers = limitable(backbone, name=name, mend="take `ahead` and `from_layer` out of the card")
    for number, layer in enumerate(layers):
        tokens = degree.of(number)
        if tokens is not None:
            limit(layer, partial(_always, Ahead(tokens=tokens)))


def _always(ahead: Ahead) -> Ahead:
    return ahead


def limitable(backbone: Any, *, name: str, mend: str) -> Sequence[Any]:
    """The layers of `backbone`, whose masks `limit` can set.

    Raises HarnessError for a decoder whose layers do not stand in a list, and one with sliding windows.
    """
    config, layers = backbone.config, getattr(backbone, "layers", None)
    if not isinstance(layers, torch.nn.ModuleList) or not all(hasattr(layer, "self_attn") for layer in layers):
        raise HarnessError(f"{name}: the mask of a {config.model_type} cannot be set by degrees; take a Llama")
    kinds: Sequence[str] = getattr(config, "layer_types", None) or ()
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if "sliding_attention" in kinds or (window is not None and not kinds):
        raise HarnessError(f"{name} has layers with a sliding window, so its mask cannot be set by degrees; {mend}")
    return list(layers)


def limit(layer: Any, ahead: Callable[[], Ahead | None]) -> None:
    """Let the bidirectional attention of `layer` see in each pass what `ahead` says then; None: all."""
    layer.self_attn.register_forward_pre_hook(partial(_limit, ahead), with_kwargs=True)


def _limit(
    ahead_now: Callable[[], Ahead | None], module: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call of an attention layer, with a mask that hides what a token may not see ahead."""
    ahead = ahead_now()
    if ahead is None:
        return arguments, options
    if options.get(_PACKED) is not None:
        return arguments, {**options, "ahead": ahead}
    states: Tensor = options["hidden_states"] if "hidden_states" in options else arguments[0]
    mask = options.get("attention_mask")
    if mask is not None and not isinstance(mask, Tensor):
        raise HarnessError("a mask by degrees does not run with flex attention; take sdpa or eager")
    rows = ahead.seen(states.shape[1], device=states.device)
    if mask is None and module.config._attn_implementation == "sdpa":
        given: Tensor = rows[None, None]
    elif mask is None or mask.is_floating_point():
        least = torch.finfo(states.dtype).min
        free = states.new_zeros(1, 1, *rows.shape) if mask is None else mask
        given = free.masked_fill(~rows, least)
    else:
        # A padding token sees itself, or a row without any key would have no softmax
        given = (mask & rows) | torch.eye(rows.shape[0], dtype=torch.bool, device=rows.device)
    return arguments, {**options, "attention_mask": given}
