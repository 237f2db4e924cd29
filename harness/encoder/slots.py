"""Slots: new tokens behind every text, whose vectors can be trained while all of the base stays as it is.

Under the causal mask they are the only tokens that have seen all of a text. Their vectors stand beside the embedding
and not in it: neither the embedding nor an LM head that shares its weights changes, so the language model does not
either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harness.encoder.tokenizer import put_behind
from harness.errors import HarnessError


class _WithSlots(nn.Embedding):
    """An embedding that has vectors of its own, `slots` (K, D), for the token ids from `first_slot` on."""

    slots: nn.Parameter
    first_slot: int

    def forward(self, input: Tensor) -> Tensor:
        slot = input - self.first_slot
        here = (slot >= 0) & (slot < len(self.slots))
        found = super().forward(input.masked_fill(here, 0))
        own = self.slots[slot.masked_fill(~here, 0)] * getattr(self, "embed_scale", 1.0)
        return torch.where(here[..., None], own.to(found.dtype), found)


def _with_slots(kind: type[nn.Embedding]) -> type[nn.Embedding]:
    """The class `kind`, Gemma's scaled one say, with slots."""
    return type(f"{kind.__name__}WithSlots", (_WithSlots, kind), {})


def put_slots(backbone: Any, tokenizer: Any, count: int, *, name: str) -> None:
    """Let `tokenizer` put `count` slots behind every text, and `backbone` embed each as it embeds the end token.

    Raises HarnessError for a tokenizer without an end token, and for an embedding that cannot hold slots.
    """
    embedding, end = backbone.get_input_embeddings(), tokenizer.eos_token_id
    if end is None:
        raise HarnessError(
            f"the tokenizer of {name} has no end token, so there is no place for slots; name one as eos_token in its "
            "tokenizer_config.json, or take `slots` out of the card"
        )
    first = put_behind(tokenizer, [f"<|slot {number}|>" for number in range(1, count + 1)], name=name)
    whole = embedding.weight.detach()
    kind: type[nn.Embedding] = type(embedding)
    embedding.__class__ = _with_slots(kind)
    embedding.first_slot = first
    embedding.slots = nn.Parameter(whole[end].clone().expand(count, -1).contiguous())
    with torch.no_grad():
        alike = embedding(torch.tensor([end, first, first + count - 1], device=whole.device))
    if not (alike == alike[0]).all():
        raise HarnessError(
            f"{name} does not embed its tokens as a Llama or a Gemma does, so it cannot take slots; take `slots` "
            "out of the card"
        )


def slots_of(backbone: Any) -> nn.Parameter | None:
    """The vectors of the slots of `backbone`, (K, D); None where it has none."""
    embedding = backbone.get_input_embeddings()
    return embedding.slots if isinstance(embedding, _WithSlots) else None


def slots_name(backbone: Any) -> str | None:
    """What the weights of `backbone` call its slots; None where it has none."""
    slots = slots_of(backbone)
    return next((name for name, weight in backbone.named_parameters() if weight is slots), None)


def without_slots(backbone: Any) -> dict[str, Tensor]:
    """The weights of `backbone` by name, those of its slots left out: what its language model has too."""
    mine = slots_name(backbone)
    return {name: weight for name, weight in backbone.state_dict().items() if name != mine}


@contextmanager
def slots_in_embedding(backbone: Any) -> Iterator[None]:
    """Inside, the slots are rows of the embedding, so that what is saved has only what transformers knows."""
    embedding, slots = backbone.get_input_embeddings(), slots_of(backbone)
    if slots is None:
        yield
        return
    kind, weight, first = type(embedding), embedding.weight, embedding.first_slot
    rows = max(len(weight), first + len(slots))
    wider = weight.new_zeros(rows, weight.shape[1])
    wider[: len(weight)], wider[first : first + len(slots)] = weight.detach(), slots.detach()
    size = backbone.config.vocab_size
    embedding.__class__ = kind.__mro__[2]
    del embedding.slots
    embedding.weight, embedding.num_embeddings = nn.Parameter(wider, requires_grad=False), rows
    backbone.config.vocab_size = rows
    try:
        yield
    finally:
        embedding.weight, embedding.num_embeddings = weight, len(weight)
        embedding.__class__, embedding.slots = kind, slots
        backbone.config.vocab_size = size
