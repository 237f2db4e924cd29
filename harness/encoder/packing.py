"""Attention over texts that stand one behind the other in one flat sequence: no padding is computed.

The linear layers see a sequence (1, T) of all texts of a pass; only attention has to know where a text ends. Texts of
equal length are neighbours, so that each length is one unmasked (or causal) SDPA over a view of the flat sequence. On
CUDA in half precision torch's variable-length attention does all lengths at once. The kernels are registered with
transformers beside its own and are in force inside `attending` only: a saved config never names them.

Shapes: T tokens of a pass, H heads, K key heads, E width of a head, n texts of length l in a group.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from harness.encoder.degrees import Ahead
from harness.errors import HarnessError

PACKED, VARLEN = "packed_sdpa", "packed_varlen"
PACKED_KERNELS = (PACKED, VARLEN)
# Model types whose packed states were shown equal to the padded ones (tests/encoder/test_packing.py).
PROVEN_TYPES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
_VARLEN_CAPABILITY = (8, 0)  # flash attention needs Ampere or newer
_VARLEN_WIDTHS = range(8, 257, 8)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the texts of a flat sequence lie, and what a token sees: all of its text, none behind it, or as in `ahead`.

    `groups`: (start, n, l) of each run of n texts of length l. `bounds`: start of every text and the end, (N+1,) int32.
    """

    groups: tuple[tuple[int, int, int], ...]
    bounds: Tensor
    longest: int
    causal: bool
    ahead: Ahead | None = None


def lay_out(lengths: Sequence[int], *, causal: bool, device: torch.device) -> tuple[Layout, Tensor]:
    """The layout of texts of `lengths`, in this order, and their position ids, (1, T), which restart with each text."""
    groups: list[tuple[int, int, int]] = []
    start = 0
    for length in lengths:
        if groups and groups[-1][2] == length:
            first, count, _ = groups[-1]
            groups[-1] = (first, count + 1, length)
        else:
            groups.append((start, 1, length))
        start += length
    bounds = torch.zeros(len(lengths) + 1, dtype=torch.int32)
    bounds[1:] = torch.tensor(lengths, dtype=torch.int32).cumsum(0)
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    layout = Layout(groups=tuple(groups), bounds=bounds.to(device), longest=max(lengths), causal=causal)
    return layout, positions.to(device)


def why_padded(backbone: Any, *, limit: int) -> str:
    """Why texts of up to `limit` tokens cannot be packed for this decoder as it stands; "" if they can."""
    config = backbone.config
    kind = str(config.model_type)
    if kind not in PROVEN_TYPES:
        return f"packing is not proven for {kind}"
    if config._attn_implementation != "sdpa":
        return f"the attention kernel is {config._attn_implementation}"
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if window is not None and window < limit:
        return f"a sliding window of {window} tokens is narrower than a text of {limit}"
    return ""


def packed_kernel(backbone: Any) -> str:
    """The packed kernel for this decoder where it lies: variable-length attention if its device and dtype have it."""
    device, config = backbone.device, backbone.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    fits = backbone.dtype in (torch.bfloat16, torch.float16) and width in _VARLEN_WIDTHS
    return VARLEN if fits and has_varlen(device) else PACKED


def has_varlen(device: torch.device) -> bool:
    """Whether variable-length attention runs on `device` (in half precision)."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _VARLEN_CAPABILITY


@contextmanager
def attending(backbone: Any, kernel: str) -> Iterator[None]:
    """Let `backbone` attend with `kernel`, and as before afterwards."""
    before = backbone.config._attn_implementation
    backbone.set_attn_implementation(kernel)
    try:
        yield
    finally:
        backbone.set_attn_implementation(before)


def packed_output(backbone: Any, ids: Sequence[Tensor], *, layers: bool) -> tuple[Tensor, ...]:
    """States of texts with the token `ids`, (T, D) each: of the last layer, or with `layers` of the embedding and all.

    To be called inside `attending` one of PACKED_KERNELS.
    """
    device = backbone.device
    # The switch that transformers builds its masks from (harness.encoder.attention)
    causal = bool(getattr(backbone.config, "is_causal", True))
    layout, positions = lay_out([len(text) for text in ids], causal=causal, device=device)
    output = backbone(
        input_ids=torch.cat(list(ids))[None].to(device),
        position_ids=positions,
        layout=layout,
        use_cache=False,
        output_hidden_states=layers,
    )
    return tuple(state[0] for state in output.hidden_states) if layers else (output.last_hidden_state[0],)


def _packed_attention(
    attend: Callable[[Tensor, Tensor, Tensor, Layout, float | None, float], Tensor],
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    ahead: Ahead | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """As transformers calls a kernel: query (1, H, T, E), key and value (1, K, T, E) ─▶ (1, T, H, E), by `attend`."""
    layout = _checked(layout, attention_mask, options)
    return attend(query, key, value, layout if ahead is None else replace(layout, ahead=ahead), scaling, dropout), None


def _by_length(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, scaling: float | None, dropout: float
) -> Tensor:
    """One SDPA for each length."""
    tokens = [count * length for _, count, length in layout.groups]
    split = zip(layout.groups, *(part[0].split(tokens, dim=1) for part in (query, key, value)), strict=True)
    found: list[Tensor] = []
    for (_, count, length), *parts in split:
        query_nHlE, key_nKlE, value_nKlE = (part.unflatten(1, (count, length)).transpose(0, 1) for part in parts)
        attended = torch.nn.functional.scaled_dot_product_attention(
            query_nHlE,
            key_nKlE,
            value_nKlE,
            attn_mask=None if layout.ahead is None else layout.ahead.seen(length, device=query.device),
            dropout_p=dropout,
            is_causal=layout.causal and length > 1 and layout.ahead is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        found.append(attended.transpose(1, 2).flatten(0, 1))
    return torch.cat(found)[None]


def _at_once(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, scaling: float | None, dropout: float
) -> Tensor:
    """All lengths in one call of torch's variable-length attention."""
    from torch.nn.attention import varlen

    ahead = layout.ahead
    if dropout or (ahead is not None and ahead.drawn is not None):
        raise HarnessError(f"{VARLEN} has no dropout of attention and no drawn mask; train with {PACKED}")
    grouped = query.shape[1] != key.shape[1]
    if grouped and not _varlen_groups():
        key, value = (part.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for part in (key, value))
    groups: dict[str, Any] = {"enable_gqa": True} if grouped and _varlen_groups() else {}
    query_THE, key_TKE, value_TKE = (part[0].transpose(0, 1).contiguous() for part in (query, key, value))
    out = varlen.varlen_attn(
        query_THE,
        key_TKE,
        value_TKE,
        layout.bounds,
        layout.bounds,
        layout.longest,
        layout.longest,
        scale=scaling,
        window_size=(-1, ahead.tokens if ahead is not None else 0 if layout.causal else -1),
        **groups,
    )
    assert isinstance(out, Tensor)
    return out[None]


@cache
def _varlen_groups() -> bool:
    """Whether torch's variable-length attention takes fewer keys than queries (torch 2.11 does not)."""
    from torch.nn.attention import varlen

    return "enable_gqa" in inspect.signature(varlen.varlen_attn).parameters


def _checked(layout: Layout | None, attention_mask: Tensor | None, options: dict[str, Any]) -> Layout:
    """The layout, if there is one and nothing is asked that these kernels do not do."""
    if layout is None:
        raise HarnessError("the packed attention kernels need the layout of a pass; encode with harness, or use sdpa")
    window = options.get("sliding_window")
    if attention_mask is not None or options.get("softcap") is not None or options.get("position_bias") is not None:
        raise HarnessError("packed attention supports no mask, soft cap or bias; read this model with padding")
    if window is not None and window < layout.longest:
        raise HarnessError(f"packed attention supports no sliding window, and a text is longer than {window} tokens")
    return layout


def _no_mask(*_: Any, **__: Any) -> None:
    """What a packed kernel gets as its mask: its layout says who sees whom."""


for _name, _attend in ((PACKED, _by_length), (VARLEN, _at_once)):
    AttentionInterface.register(_name, partial(_packed_attention, _attend))
    AttentionMaskInterface.register(_name, _no_mask)
