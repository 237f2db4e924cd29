"""What padding and batching do to attention, placed between rounding and a wrong mask.

No fixed tolerance holds for every model: rounding grows with depth, and a first token's state may be 150 times as long
as the rest. So each attention layer is looked at by itself. It is given the inputs that it had when each text stood
alone, and what it answers is compared, state by state, relative to the state's own length. On the same texts it is
measured what rounding does there (every module's output is rounded once more, at random), and what a mask does that
is wrong on purpose (one token of each text is hidden). On a log scale the shift must lie nearer to rounding.

Shapes: L attention layers and the input of the first one, B texts, T tokens, N real tokens of all texts, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.errors import HarnessError

# A wrong mask must move a layer this many times as far as rounding does for the layer to be judged.
SEPARABLE = 10.0
_NAMES = ("self_attn", "attention", "attn")  # what the attention of a layer is called in transformers
_SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class Attended:
    """What the attention layers of one pass were given and answered for the real tokens.

    `first` is what the first layer would have been given (N, D), `inputs` and `outputs` are (L, N, D).
    """

    first: Tensor
    inputs: Tensor
    outputs: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Attended]) -> Attended:
        """The texts of several passes, one behind the other."""
        first = torch.cat([part.first for part in parts])
        inputs, outputs = (torch.cat([getattr(part, name) for part in parts], 1) for name in ("inputs", "outputs"))
        return cls(first=first, inputs=inputs, outputs=outputs)

    def without(self, kept_N: Tensor) -> Attended:
        """The tokens of `kept_N` only."""
        kept_N = kept_N.to(self.first.device)
        return Attended(first=self.first[kept_N], inputs=self.inputs[:, kept_N], outputs=self.outputs[:, kept_N])

    def moved(self, other: Attended) -> Tensor:
        """How far each state lies from that of `other`, relative to the latter's length, (1 + L, N)."""
        ours, theirs = (torch.cat([each.first[None], each.outputs]).float() for each in (self, other))
        return ((ours - theirs).norm(dim=-1) / theirs.norm(dim=-1).clamp_min(_SMALLEST)).cpu()


def attended(
    model: Any, run: Callable[[], object], *, real_BT: Tensor, inputs_LND: Tensor | None = None, rounded: bool = False
) -> Attended:
    """Let `run` pass the tokens of `real_BT` and padding through `model`, and look at its attention layers.

    With `inputs_LND` each layer is given these in place of what came out of the layers below it; with `rounded` the
    output of every module is rounded once more, at random (by up to half a unit in the last place).
    """
    layers = [module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in _NAMES]
    unasked = [] if inputs_LND is None else [each for each in model.modules() if type(each).__name__.endswith("MLP")]
    real_BT = real_BT.to(next(model.parameters()).device)
    first: list[Tensor] = []
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def before(_: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        named = "hidden_states" in options
        states = options["hidden_states"] if named else arguments[0]
        if not inputs:
            first.append(states[real_BT])
        if inputs_LND is not None:
            states = states.clone()
            states[real_BT] = inputs_LND[len(inputs)].to(states.dtype)
        inputs.append(states[real_BT])
        return (arguments, {**options, "hidden_states": states}) if named else ((states, *arguments[1:]), options)

    def after(_: Any, __: Any, answer: Any) -> None:
        outputs.append((answer[0] if isinstance(answer, tuple) else answer)[real_BT])

    with _hooks(
        *(layer.register_forward_pre_hook(before, with_kwargs=True) for layer in layers),
        *(layer.register_forward_hook(after) for layer in layers),
        *(_round_again(model) if rounded else ()),
    ):
        for module in unasked:  # a third of the time: with the inputs given, nothing that it computes is looked at
            module.forward = _unchanged
        try:
            run()
        finally:
            for module in unasked:
                del module.forward
    if not outputs:
        raise HarnessError(
            f"no attention layer is found in a model of type {model.config.model_type}, so its mask cannot be proven; "
            "take a base of an architecture that docs/training.md names"
        )
    return Attended(first=first[0], inputs=torch.stack(inputs), outputs=torch.stack(outputs))


def _unchanged(states: Tensor, *_: Any) -> Tensor:
    return states


@contextmanager
def _hooks(*handles: Any) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _round_again(model: Any) -> Iterator[Any]:
    """Hooks on the modules without parts: each output is moved by up to half a unit in the last place."""
    generator = torch.Generator().manual_seed(0)

    def again(_: Any, __: Any, answer: Any) -> Any:
        if not (isinstance(answer, Tensor) and answer.is_floating_point()):
            return None
        draw = (torch.rand(answer.shape, generator=generator) - 0.5).to(answer.device)
        return (answer.float() * (1 + torch.finfo(answer.dtype).eps * draw)).to(answer.dtype)

    for module in model.modules():
        if not any(module.children()):
            yield module.register_forward_hook(again)


@dataclass(frozen=True, kw_only=True)
class Between:
    """A shift beside what rounding and a wrong mask do to the same states, where it lies nearest to the wrong mask."""

    shift: float
    rounding: float
    wrong: float

    @property
    def told_apart(self) -> bool:
        """Whether a wrong mask could be told from rounding at all."""
        return self.wrong >= SEPARABLE * self.rounding

    @property
    def right(self) -> bool:
        """Whether the shift is nearer to rounding, on a log scale."""
        return self.told_apart and self.shift**2 <= self.rounding * self.wrong


def place(shift: Tensor, rounding: Tensor, wrong: Tensor, *, lengths: Sequence[int], touched_N: Tensor) -> Between:
    """Judge shifts of states, (1 + L, N), of texts of `lengths`.

    `wrong` has one token of each text less; of the rest a wrong mask can move those of `touched_N`. Each layer is
    judged twice: by the text whose median state moved most, and by the state that moved most. Layers where a wrong mask
    does not stand out from rounding are not judged. The input of the first layer depends on no mask: there a shift as
    large as the states themselves is what is wrong.
    """
    hidden = [length - 1 for length in lengths]
    touched = [part[:, here] for part, here in zip(wrong.split(hidden, 1), touched_N.split(hidden), strict=True)]
    medians_BL = torch.stack([part.median(-1).values for part in touched])
    wrong_SL = torch.stack([medians_BL.median(0).values, torch.cat(touched, 1).amax(-1)])
    wrong_SL[:, 0] = 1.0
    found_SL = _largest(shift, lengths)
    rounding_SL = _largest(rounding, lengths).clamp_min(torch.finfo(torch.float32).eps / 4)
    apart_SL = wrong_SL >= SEPARABLE * rounding_SL
    way_SL = (found_SL / rounding_SL).clamp_min(1e-3).log() / (wrong_SL / rounding_SL).log()
    apart_SL[:, 0] &= way_SL[:, 0] > 0.5  # named only where it is what is wrong
    ratio_SL = wrong_SL[:, 1:] / rounding_SL[:, 1:]
    worst = int(torch.where(apart_SL, way_SL, -torch.inf).argmax())
    if not bool(apart_SL.any()):
        row, column = divmod(int(ratio_SL.argmax()), ratio_SL.shape[1])
        worst = row * wrong_SL.shape[1] + column + 1
    shifts, roundings, wrongs = (each.flatten()[worst].item() for each in (found_SL, rounding_SL, wrong_SL))
    return Between(shift=shifts, rounding=roundings, wrong=wrongs)


def _largest(moved: Tensor, lengths: Sequence[int]) -> Tensor:
    """The largest median of a text, and the largest of all, (2, 1 + L)."""
    medians_BL = torch.stack([part.median(-1).values for part in moved.split(list(lengths), 1)])
    return torch.stack([medians_BL.amax(0), moved.amax(-1)])
