"""The language model that is still inside an encoder: its weights, the causal mask, the base's LM head.

What was trained can be taken off again: a lineage's adapters add up, W = W0 + d1 + d2, and with them switched off the
base must answer, to the last bit. `without_adapters` shows that, text by text, and refuses anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.encoder.attention import prove_mask, set_attention
from harness.encoder.continuations import continue_texts
from harness.encoder.losses import TextLosses, text_losses
from harness.encoder.opening import most_tokens, open_causal
from harness.encoder.slots import without_slots
from harness.encoder.tokenizer import fit_tokens
from harness.errors import HarnessError, ProofError

# No text is read beyond this many tokens, whatever the model could hold: memory grows with it.
MAX_TOKENS = 2048
# Merged weights are rounded once and adapters beside them are not. The largest relative difference of a text's loss.
MERGE_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}

# Adapters were saved on a backbone or on the language model around it; both names lead to the same layers.
# PEFT takes its own prefix off before it looks here.
_TO_BACKBONE = {r"^model\.(?=layers\.)": ""}


@dataclass(frozen=True, kw_only=True)
class SwitchedOff:
    """Losses of the base, of base and adapters with the adapters off and on, and of the merged weights.

    For a system without adapters all are those of its own weights, which for pretrained ones are the base's.
    """

    base: TextLosses
    off: TextLosses
    on: TextLosses
    merged: TextLosses

    def require(self, dtype: torch.dtype) -> SwitchedOff:
        """Return self, or raise ProofError: off must equal the base exactly, on the merged weights nearly."""
        moved = np.abs(self.off.bits - self.base.bits)
        if moved.any():
            raise ProofError(
                "with the adapters off, the language model differs from the base: "
                f"{np.count_nonzero(moved)} of {len(moved)} texts differ, "
                f"by up to {moved.max():.2g} bits; train the variant again from this base, or name the "
                "base that its adapters were made for"
            )
        tolerance = MERGE_TOLERANCE.get(dtype, 1e-4)
        apart = np.abs(self.on.nats - self.merged.nats) / self.merged.nats
        if apart.max() > tolerance:
            raise ProofError(
                f"the base with its adapters on is not the trained encoder: a text's loss differs by {apart.max():.2g} "
                f"of itself (tolerance {tolerance:g}); the adapters and the merged weights are of two trainings, so "
                "remove the stage's folder (`harness ls systems` names it) and train again"
            )
        return self


@dataclass(eq=False, kw_only=True)
class LanguageModel:
    """A causal language model with a variant's weights. What was computed once for a set of texts is kept."""

    model: Any
    tokenizer: Any
    base: Path
    adapters: tuple[Path, ...] = ()
    share: float = 1.0  # of the adapters that the weights have
    redrawn: bool = False  # the backbone's weights were never the base's
    _losses: dict[tuple[str, ...], TextLosses] = field(default_factory=dict, repr=False)
    _made: dict[Any, NDArray[np.int64]] = field(default_factory=dict, repr=False)

    @property
    def limit(self) -> int:
        """The most tokens of a text that are read, its start token among them."""
        return min(most_tokens(self.model.config) or MAX_TOKENS, MAX_TOKENS)

    def read_out(self, states: Any) -> Any:
        """The logits (…, V) of states (…, D) of the last layer, before its norm, in float32."""
        return self.model.lm_head(self.model.base_model.norm(states.to(self.model.dtype))).float()

    def losses(self, texts: Sequence[str]) -> TextLosses:
        """The losses of this system on `texts` (harness.encoder.losses)."""
        key = tuple(texts)
        if key not in self._losses:
            self._losses[key] = text_losses(self.model, self.tokenizer, key, limit=self.limit)
        return self._losses[key]

    def continuations(
        self, prompts: Sequence[Sequence[int]], *, new_tokens: int, sample_seed: int | None = None
    ) -> NDArray[np.int64]:
        """Token ids after each prompt, (N, new_tokens) (harness.encoder.continuations)."""
        key = (tuple(map(tuple, prompts)), new_tokens, sample_seed)
        if key not in self._made:
            self._made[key] = continue_texts(
                self.model, self.tokenizer, prompts, new_tokens=new_tokens, sample_seed=sample_seed
            )
        return self._made[key]

    def of_base(self, prompts: Sequence[Sequence[int]], *, new_tokens: int) -> NDArray[np.int64]:
        """As `continuations`, greedy, of the base itself."""
        key = (tuple(map(tuple, prompts)), new_tokens, "base")
        if key not in self._made:
            base = load_causal(self.base, dtype=self.model.dtype, device=self.model.device)
            self._made[key] = continue_texts(base, self.tokenizer, prompts, new_tokens=new_tokens, sample_seed=None)
        return self._made[key]

    def without_adapters(self, texts: Sequence[str]) -> SwitchedOff:
        """Load the base anew, put the adapters on, and compare. Raises ProofError if off is not the base exactly."""
        merged = self.losses(texts)
        if self.redrawn:
            return SwitchedOff(base=merged, off=merged, on=merged, merged=merged)
        plain = load_causal(self.base, dtype=self.model.dtype, device=self.model.device)
        base = text_losses(plain, self.tokenizer, texts, limit=self.limit)
        if not self.adapters:
            return SwitchedOff(base=base, off=merged, on=merged, merged=merged).require(self.model.dtype)
        adapted = attach_adapters(plain, self.adapters, share=self.share)
        on = text_losses(plain, self.tokenizer, texts, limit=self.limit)
        with adapted.disable_adapter():
            off = text_losses(plain, self.tokenizer, texts, limit=self.limit)
        return SwitchedOff(base=base, off=off, on=on, merged=merged).require(self.model.dtype)


def build_language_model(
    backbone: Any, tokenizer: Any, *, base: Path, adapters: Sequence[Path], redrawn: bool, share: float = 1.0
) -> LanguageModel:
    """The causal language model of `base` with the weights of `backbone`, which it shares and does not copy.

    The LM head is the base's own. Its mask is proven causal before anything is asked of it.
    """
    model = load_causal(base, dtype=backbone.dtype, device=backbone.device)
    fit_tokens(tokenizer, model, name=str(base))
    model.base_model.load_state_dict(without_slots(backbone), assign=True)
    prove_mask(model.base_model, attention="causal", pad_id=int(tokenizer.pad_token_id)).require()
    return LanguageModel(
        model=model, tokenizer=tokenizer, base=base, adapters=tuple(adapters), share=share, redrawn=redrawn
    )


def load_causal(folder: Path, *, dtype: torch.dtype, device: torch.device) -> Any:
    """The causal language model in `folder`, in eval mode, its mask causal whatever its config says."""
    model = open_causal(folder, dtype=dtype, name=str(folder))
    set_attention(model, "causal")
    set_attention(model.base_model, "causal")
    return model.to(device).eval()


def attach_adapters(model: Any, adapters: Sequence[Path], *, share: float = 1.0) -> Any:
    """Put a `share` of PEFT adapters on the backbone of `model`, all active at once; return PEFT's handle on them.

    Each folder holds what PEFT saves for a backbone: adapter_config.json and adapter_model.safetensors.
    """
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    for folder in adapters:
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            if not (folder / name).is_file():
                raise HarnessError(
                    f"{folder} holds no {name}, so the adapters of this system cannot be switched off; remove the "
                    "stage's folder and train it again, or measure other tasks with --tasks"
                )
    names = [f"stage-{number}" for number in range(1, len(adapters) + 1)]
    adapted = PeftModel.from_pretrained(
        model.base_model, str(adapters[0]), adapter_name=names[0], key_mapping=_TO_BACKBONE
    )
    for name, folder in zip(names[1:], adapters[1:], strict=True):
        adapted.load_adapter(str(folder), adapter_name=name, key_mapping=_TO_BACKBONE)
    adapted.base_model.set_adapter(names)
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            for name in layer.scaling:
                layer.scaling[name] *= share
    model.eval()
    return adapted
