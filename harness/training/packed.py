"""Batches without padding: the texts of a batch stand one behind the other, and no token sees another text.

Shapes: B texts, T tokens of the longest, N real tokens of all, M predicted ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from harness.encoder.packing import PACKED, lay_out, why_padded
from harness.errors import HarnessError
from harness.training.lora import make_trainable, round_frozen
from harness.training.ramp import RampedMask
from harness.training.trained import TrainedStage

IGNORED = -100  # the label that transformers' losses leave out


def prepare(backbone: Any, stage: TrainedStage, *, name: str, mask: RampedMask | None = None) -> None:
    """Put fresh adapters into the decoder of the base `name`, and make it ready to be trained as `stage` says.

    With `mask` it attends as that says. Raises HarnessError for a packed stage if packing is not proven for the
    decoder, and for a mask that cannot be set.
    """
    if stage.packed:
        if because := why_padded(backbone, limit=stage.max_length):
            raise HarnessError(
                f"the {stage.kind} stage is packed, and {name} cannot be read so: {because}; set packed to false"
            )
        backbone.set_attn_implementation(PACKED)
    if mask is not None:
        mask.attach(backbone, name=name)
    make_trainable(backbone, stage.lora)
    if stage.precision == "bfloat16":
        round_frozen(backbone, torch.bfloat16)


def read_packed(backbone: Any) -> None:
    """Let `backbone`, called with padded texts, compute the real tokens only; states of padding are 0."""
    plain = backbone.forward

    @wraps(plain)
    def forward(input_ids: Tensor, attention_mask: Tensor | None = None, **options: Any) -> Any:
        if attention_mask is None:
            return plain(input_ids=input_ids, **options)
        where_N, flat = _flat(backbone, input_ids, attention_mask)
        output = plain(**flat, **options)
        states_ND = output.last_hidden_state[0]
        states = states_ND.new_zeros(input_ids.numel(), states_ND.shape[-1]).index_copy(0, where_N, states_ND)
        output.last_hidden_state = states.unflatten(0, input_ids.shape)
        return output

    backbone.forward = forward


def flat_predictions(backbone: Any, inputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """What a causal LM around `backbone` takes in place of padded `inputs`, to predict only what has a label.

    A token is predicted from the state one position before it.
    """
    where_N, flat = _flat(backbone, inputs["input_ids"], inputs["attention_mask"])
    next_BT = torch.nn.functional.pad(inputs["labels"], (0, 1), value=IGNORED)[:, 1:]
    next_N = next_BT.flatten()[where_N]
    from_M = (next_N != IGNORED).nonzero().flatten()
    targets_1M = next_N[from_M][None]
    return {**flat, "logits_to_keep": from_M, "labels": targets_1M, "shift_labels": targets_1M}


def _flat(backbone: Any, ids_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """Where the real tokens stand among all, in the order of the flat sequence, and what the decoder takes of them.

    Texts of equal length are neighbours, the longest first.
    """
    lengths_B = mask_BT.sum(1)
    order_B = lengths_B.argsort(descending=True, stable=True)
    places_BT = torch.arange(ids_BT.numel(), device=ids_BT.device).view_as(ids_BT)
    where_N = places_BT[order_B][mask_BT[order_B].bool()]
    causal = bool(getattr(backbone.config, "is_causal", True))
    layout, positions = lay_out(lengths_B[order_B].tolist(), causal=causal, device=ids_BT.device)
    flat = {"input_ids": ids_BT.flatten()[where_N][None], "position_ids": positions, "layout": layout}
    return where_N, {**flat, "use_cache": False}
