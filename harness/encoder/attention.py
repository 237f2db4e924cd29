"""The attention switch and its proof.

transformers (5.2 and later) builds the mask from `config.is_causal`; it survives `save_pretrained`, so a saved
variant is right in plain sentence-transformers too. Because implementations have been wrong in both directions,
nothing is believed: `prove_mask` changes one later token and looks at every state before it, and compares texts that
are padded, batched or packed with the same texts alone (harness.encoder.between).

Shapes: L layers, B texts, T tokens, N real tokens of all texts, D width.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from harness.encoder.between import Attended, Between, attended, place
from harness.encoder.mask_proof import NOT_A_NUMBER, NOT_TOLD_APART, MaskCheck, MaskProof, Padding
from harness.encoder.packing import PACKED, PACKED_KERNELS, VARLEN, attending, has_varlen, packed_output
from harness.encoder.proof_texts import another, last_real, pad, random_texts
from harness.errors import HarnessError
from harness.text_to_vector import Attention, Degree

PADDINGS: tuple[Padding, ...] = ("none", "left", "right")
BATCHES = (1, 8)


def set_attention(model: Any, attention: Attention) -> None:
    """Switch a transformers decoder (or the base model inside a PEFT wrapper) to `attention`, in its config."""
    model.config.is_causal = attention == "causal"


def available_kernels(model: Any) -> tuple[str, ...]:
    """Attention implementations that can run `model` where it lies, transformers' and the packed ones.

    Not every architecture has each (Gemma 2 has no sdpa). Flex attention needs CUDA or a C++
    compiler, variable-length attention a CUDA device that has it.
    """
    import shutil

    device = model.device
    flex = device.type == "cuda" or any(shutil.which(compiler) for compiler in ("g++", "clang++"))
    sdpa = ("sdpa",) if model._supports_sdpa else ()
    standard = ("eager", *sdpa, "flex_attention") if flex and model._supports_flex_attn else ("eager", *sdpa)
    return (*standard, PACKED, VARLEN) if has_varlen(device) else (*standard, PACKED)


def prove_mask(
    model: Any,
    *,
    attention: Attention,
    pad_id: int,
    degree: Degree | None = None,
    kernels: Sequence[str] | None = None,
    batches: Sequence[int] = BATCHES,
    paddings: Sequence[Padding] = PADDINGS,
    merged: bool = False,
    seed: int = 0,
) -> MaskProof:
    """Prove that `model` (a transformers decoder, eval mode) attends as `attention` says, or as `degree` in its place.

    Runs kernels × batches × paddings; `kernels=None` takes the one in use. A packed kernel (harness.encoder.packing)
    runs without padding only, for it has none. `merged` is only a label that says whether adapters were merged into the
    weights. The model's kernel and training mode are put back after.
    """
    in_use = model.config._attn_implementation
    training = model.training
    model.eval()
    checks: list[MaskCheck] = []
    alone = cache(lambda kernel, text: _alone(model, text))
    try:
        for kernel in kernels or (in_use,):
            packed = kernel in PACKED_KERNELS
            model.set_attn_implementation(in_use if packed else kernel)
            for batch, padding in itertools.product(batches, ("none",) if packed else paddings):
                checks.append(
                    _check(
                        model,
                        attention,
                        pad_id,
                        degree=degree,
                        kernel=kernel,
                        batch=batch,
                        padding=padding,
                        merged=merged,
                        seed=seed,
                        alone=partial(alone, str(model.config._attn_implementation)),
                    )
                )
    finally:
        model.set_attn_implementation(in_use)
        model.train(training)
    return MaskProof(attention=attention, checks=tuple(checks), degree=str(degree) if degree else None)


def _check(
    model: Any,
    attention: Attention,
    pad_id: int,
    *,
    degree: Degree | None,
    kernel: str,
    batch: int,
    padding: Padding,
    merged: bool,
    seed: int,
    alone: Callable[[tuple[int, ...]], tuple[Attended, Tensor]],
) -> MaskCheck:
    packed = kernel if kernel in PACKED_KERNELS else None
    equal = padding == "none" and not packed
    texts = random_texts(model.config.vocab_size, pad_id, batch=batch, equal=equal, seed=seed)
    ids_BT, mask_BT = pad(texts, padding, pad_id)
    changed_BT = ids_BT.clone()
    before_BT = mask_BT.bool()
    for row, last in enumerate(last_real(mask_BT)):
        changed_BT[row, last] = another(int(ids_BT[row, last]), model.config.vocab_size, pad_id)
        before_BT[row, last:] = False
    states_LBTD = _states(model, ids_BT, mask_BT, packed)
    delta_LBT = (
        (_states(model, changed_BT, mask_BT, packed) - states_LBTD).abs().amax(-1)[:, before_BT.to(states_LBTD.device)]
    )
    leak, reached = float(delta_LBT.max()), _share(delta_LBT > 0)
    if degree is not None:
        leak, reached = _by_degree(degree, delta_LBT, mask_BT)
    by_text = [alone(tuple(text)) for text in texts]
    joined = Attended.joined([layers for layers, _ in by_text])
    between = _between(model, "causal" if degree else attention, ids_BT, mask_BT, packed, alone=joined)
    lengths = [len(text) for text in texts]
    real_ND, alone_ND = (
        states_LBTD[-1][mask_BT.bool().to(states_LBTD.device)],
        torch.cat([states for _, states in by_text]),
    )
    padding_shift = float((alone_ND - real_ND).abs().max() / real_ND.abs().max().clamp_min(1e-12))
    cosine, neighbours = _embeddings(alone_ND.split(lengths), real_ND.split(lengths))
    reason = _reason(attention, leak, reached, padding_shift, between, degree=degree)
    return MaskCheck(
        kernel=kernel,
        batch=batch,
        padding=padding,
        merged=merged,
        leak=leak,
        reached=reached,
        **asdict(between),
        padding_shift=padding_shift,
        cosine=cosine,
        neighbours=neighbours,
        ok=not reason,
        reason=reason,
    )


@torch.inference_mode()
def _alone(model: Any, text: Sequence[int]) -> tuple[Attended, Tensor]:
    """What the layers answer for one text, unpadded, and its states of the last one, (T, D)."""
    ids_BT = torch.tensor([text])
    states: list[Tensor] = []
    layers = attended(
        model, lambda: states.append(_states(model, ids_BT, torch.ones_like(ids_BT))), real_BT=ids_BT >= 0
    )
    return layers, states[0][-1, 0]


@torch.inference_mode()
def _between(
    model: Any, attention: Attention, ids_BT: Tensor, mask_BT: Tensor, packed: str | None, *, alone: Attended
) -> Between:
    """The shift of these texts from those `alone`, between rounding and a mask that hides the middle of each text."""
    hidden_BT = mask_BT.clone()
    touched: list[Tensor] = []
    for row, real in enumerate(mask_BT):
        places = real.nonzero().flatten()
        middle = len(places) // 2
        hidden_BT[row, places[middle]] = 0
        touched.append(torch.arange(len(places) - 1) >= (middle if attention == "causal" else 0))
    kept_N = hidden_BT[mask_BT.bool()].bool()

    def look(seen_BT: Tensor, given: Attended, *, rounded: bool = False) -> Attended:
        real_BT = torch.ones(1, int(seen_BT.sum())).bool() if packed else seen_BT.bool()
        run = lambda: _states(model, ids_BT, seen_BT, packed)  # noqa: E731
        return attended(model, run, real_BT=real_BT, inputs_LND=given.inputs, rounded=rounded)

    there = look(mask_BT, alone)
    kept = alone.without(kept_N)
    return place(
        there.moved(alone),
        look(mask_BT, alone, rounded=True).moved(there),
        look(hidden_BT, kept).moved(kept),
        lengths=mask_BT.sum(-1).tolist(),
        touched_N=torch.cat(touched),
    )


def _embeddings(alone: Sequence[Tensor], read: Sequence[Tensor]) -> tuple[float, float | None]:
    """The lowest cosine of a text's mean state with that alone, and the share that keep their nearest neighbour."""
    first_BD, second_BD = (
        torch.nn.functional.normalize(torch.stack([text.mean(0) for text in texts]), dim=-1) for texts in (alone, read)
    )
    cosine = float((first_BD * second_BD).sum(-1).min())
    if len(first_BD) == 1:
        return cosine, None
    nearest = [(each @ each.T).fill_diagonal_(-torch.inf).argmax(-1) for each in (first_BD, second_BD)]
    return cosine, float((nearest[0] == nearest[1]).float().mean())


def _by_degree(degree: Degree, delta_LN: Tensor, mask_BT: Tensor) -> tuple[float, float]:
    """The largest change where the last token is out of reach, and the share of the other states that changed.

    `delta_LN`: the change of each state before the last token of its text, texts one after the other.
    """
    away_N = torch.cat([torch.arange(int(length) - 1, 0, -1) for length in mask_BT.sum(-1)]).to(delta_LN.device)
    reach_L = [degree.reach(number) for number in range(1, len(delta_LN) + 1)]
    within_LN = away_N <= torch.tensor(reach_L, device=delta_LN.device)[:, None]
    beyond, changed = delta_LN[~within_LN], delta_LN[within_LN] > 0
    return float(beyond.max()) if len(beyond) else 0.0, _share(changed) if len(changed) else 1.0


def _share(changed: Tensor) -> float:
    """How many of `changed` are true, exactly: on CUDA the mean of ones can be just below 1."""
    return int(changed.sum()) / changed.numel()


def _reason(
    attention: Attention,
    leak: float,
    reached: float,
    padding_shift: float,
    between: Between,
    *,
    degree: Degree | None,
) -> str:
    if not math.isfinite(leak + padding_shift + between.shift):
        return NOT_A_NUMBER
    if (degree is not None or attention == "causal") and leak > 0:
        return f"a later token changed an earlier state{' out of its reach' if degree else ''} by {leak:.2g}"
    if (degree is not None or attention == "bidirectional") and reached < 1:
        return (
            f"a later token reached only {math.floor(1000 * reached) / 10:g} % of the "
            f"{'states within reach' if degree else 'earlier states'}"
        )
    if not between.told_apart:
        return (
            f"{NOT_TOLD_APART}: hiding a token moves no layer's attention by more than {between.wrong:.2g} of its "
            f"length where rounding moves it by {between.rounding:.2g}"
        )
    if not between.right:
        return (
            f"padding and batching move a layer's attention by {between.shift:.2g} of its length, nearer to what "
            f"hiding a token does ({between.wrong:.2g}) than to rounding ({between.rounding:.2g})"
        )
    return ""


@torch.inference_mode()
def _states(model: Any, ids_BT: Tensor, mask_BT: Tensor, packed: str | None = None) -> Tensor:
    """States after every layer, (L, B, T, D) in float32; the embedding layer is left out, it sees one token.

    With a `packed` kernel what `mask_BT` leaves of the texts is read in one flat sequence.
    """
    device = next(model.parameters()).device
    real_BT = mask_BT.bool()
    if packed:
        with attending(model, packed):
            flat = packed_output(model, [ids[real] for ids, real in zip(ids_BT, real_BT, strict=True)], layers=True)
        states = [layer.new_zeros(*ids_BT.shape, layer.shape[-1]) for layer in flat]
        for placed, layer in zip(states, flat, strict=True):
            placed[real_BT.to(device)] = layer
    else:
        options = {"output_hidden_states": True, "use_cache": False}
        states = model(input_ids=ids_BT.to(device), attention_mask=mask_BT.to(device), **options).hidden_states
    if len(states) < 2:
        raise HarnessError("the model has no layer, so its mask cannot be proven; give a base with at least one layer")
    return torch.stack(list(states[1:])).float()
