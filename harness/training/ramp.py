"""The way from the causal to the bidirectional mask while a stage is trained.

Published ramps: a window that grows, a random share of the later tokens (DiffuLLaMA, arXiv 2410.17891), layer by layer
(BeLLM, arXiv 2311.05296, opens the last one alone). `at_once` is their control: causal, then bidirectional.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from harness.errors import near_names
from harness.recipes import Strict

if TYPE_CHECKING:
    from harness.encoder.degrees import Ahead


class MaskRamp(Strict):
    """How a stage goes from the causal mask to the bidirectional one, within the first `over` of its steps.

    A new way is one entry of WAYS.
    """

    by: str = Field(description="at_once, window, bernoulli or layers")
    over: float = Field(0.5, gt=0, le=1, description="the share of the steps after which the mask is bidirectional")

    @field_validator("by")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in WAYS:
            raise ValueError(f"no way from one mask to the other is named {name!r}; {near_names(name, WAYS)}")
        return name


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where training stands: the `share` of the way that lies behind it, from 0 to less than 1, in one of `layers`.

    `longest` is the longest text in tokens; `seed` is that of the step, for what is drawn.
    """

    share: float
    layer: int
    layers: int
    longest: int
    seed: tuple[int, int]


def _nothing(moment: Moment) -> Ahead | None:
    from harness.encoder.degrees import Ahead

    return Ahead(tokens=0)


def _window(moment: Moment) -> Ahead | None:
    """As many tokens ahead as double in equal times, from 0 to the longest text."""
    from harness.encoder.degrees import Ahead

    return Ahead(tokens=int((moment.longest + 1) ** moment.share) - 1)


def _bernoulli(moment: Moment) -> Ahead | None:
    """Each token ahead with the chance `share`, drawn once a step for all texts, layers and heads."""
    from harness.encoder.degrees import Ahead

    return Ahead(tokens=0, drawn=_drawn(moment.longest, moment.share, moment.seed))


@lru_cache(maxsize=1)
def _drawn(tokens: int, chance: float, seed: tuple[int, int]) -> Any:
    """(T, T) boolean, each True with `chance`."""
    import numpy as np
    import torch

    return torch.from_numpy(np.random.default_rng(seed).random((tokens, tokens)) < chance)


def _layers(moment: Moment) -> Ahead | None:
    """The last layers see all tokens, as many of them as `share` says; the others none ahead."""
    closed = moment.layers - int(moment.share * moment.layers)
    return None if moment.layer >= closed else _nothing(moment)


WAYS: dict[str, Callable[[Moment], Ahead | None]] = {
    "at_once": _nothing,
    "window": _window,
    "bernoulli": _bernoulli,
    "layers": _layers,
}


class RampedMask:
    """The masks of a decoder in training, as `ramp` says. `step`, counted from 0, is the one that is being made."""

    def __init__(self, ramp: MaskRamp, *, steps: int, longest: int, seed: int) -> None:
        self.ramp = ramp
        self.steps = steps
        self.longest = longest
        self.seed = seed
        self.step = 0

    def attach(self, backbone: Any, *, name: str) -> None:
        """Let every layer of `backbone` follow the ramp. Raises HarnessError if its mask cannot be set by degrees."""
        from harness.encoder.degrees import limit, limitable

        layers = limitable(backbone, name=name, mend="take `mask_ramp` out of the card")
        for number, layer in enumerate(layers):
            limit(layer, partial(self.ahead, number, len(layers)))

    def ahead(self, layer: int, layers: int) -> Ahead | None:
        """What a token sees ahead in this step in `layer`, of `layers`; None: all."""
        share = self.step / (self.ramp.over * self.steps)
        if share >= 1:
            return None
        return WAYS[self.ramp.by](
            Moment(share=share, layer=layer, layers=layers, longest=self.longest, seed=(self.seed, self.step))
        )
