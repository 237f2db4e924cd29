"""How much attention each token of a text gets, by layer: raw, and weighted by what it carries.

A kernel of its own computes attention plainly, as transformers' eager one does, under the mask that the decoder has
(causal, bidirectional, by degrees, a sliding window). It is in force inside `attention_received` only.

Shapes: L layers, H heads, K key heads, E width of a head, D width, T tokens of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from harness.encoder.packing import attending
from harness.errors import HarnessError

WATCHED = "watched_attention"


@dataclass(frozen=True, kw_only=True, eq=False)
class Received:
    """What the tokens of one text get from all its tokens in each layer, (L, T) each; a token gives 1 in all.

    `raw`: attention weights, the mean over heads. `weighted`: the length of what a token adds to the others, the sum
    over heads of |alpha v W_o| (Kobayashi et al. 2020, arXiv 2004.10102, section 3), as shares of what each token gets
    so. `uniform`: what a token would get if every token attended to all that it sees alike.
    """

    raw: NDArray[np.float64]
    weighted: NDArray[np.float64]
    uniform: NDArray[np.float64]


@torch.inference_mode()
def attention_received(backbone: Any, ids_T: list[int], *, name: str) -> Received:
    """Read one text by its token ids. Raises HarnessError for a decoder whose attention cannot be read so."""
    by_layer: list[Tensor] = []
    ids_1T = torch.tensor([ids_T], device=backbone.device)
    backbone.eval()
    with attending(backbone, WATCHED):
        backbone(input_ids=ids_1T, attention_mask=torch.ones_like(ids_1T), use_cache=False, watch=by_layer.append)
    if not by_layer:
        raise HarnessError(
            f"{name}: the attention of a {backbone.config.model_type} cannot be read; leave the suite repetition out"
        )
    found_L3T = torch.stack(by_layer).double().cpu().numpy()
    return Received(raw=found_L3T[:, 0], weighted=found_L3T[:, 1], uniform=found_L3T[:, 2])


def _watched(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    watch: Callable[[Tensor], None] | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    """As transformers calls a kernel: query (1, H, T, E), key and value (1, K, T, E) ─▶ (1, T, H, E)."""
    out = getattr(module, "o_proj", None)
    unknown = [name for name in ("softcap", "s_aux", "position_bias") if options.get(name) is not None]
    if unknown or dropout or not isinstance(out, torch.nn.Linear):
        raise HarnessError(
            f"the attention of a {type(module).__name__} is not that of a Llama, so what its tokens receive cannot be "
            "read; leave the suite repetition out"
        )
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    seen = torch.ones_like(scores[0, 0], dtype=torch.bool)
    if attention_mask is not None:
        scores, seen = scores + attention_mask, attention_mask[0, 0] == 0
    alpha = scores.softmax(dim=-1, dtype=torch.float32)
    if watch is not None:
        carried_HT = _carried(value[0].float(), out.weight.float())
        added_TT = (alpha[0] * carried_HT[:, None]).sum(0)
        given = (
            alpha[0].mean(0),
            added_TT / added_TT.sum(-1, keepdim=True).clamp_min(1e-30),
            seen / seen.sum(-1, keepdim=True),
        )
        watch(torch.stack([each.double().sum(0) for each in given]))
    return (alpha.to(value.dtype) @ value).transpose(1, 2).contiguous(), None


def _carried(value_HTE: Tensor, out_DHE: Tensor) -> Tensor:
    """The length of what a token adds where it gets all attention, |v W_o|, by head: (H, T)."""
    heads, _, width = value_HTE.shape
    out_HDE = out_DHE.unflatten(1, (heads, width)).transpose(0, 1)
    gram_HEE = out_HDE.transpose(-1, -2) @ out_HDE
    return ((value_HTE @ gram_HEE) * value_HTE).sum(-1).clamp_min(0).sqrt()


AttentionInterface.register(WATCHED, _watched)
AttentionMaskInterface.register(WATCHED, eager_mask)
