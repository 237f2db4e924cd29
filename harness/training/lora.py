"""LoRA on the backbone, put in place and merged in place, so that trainers see an ordinary model.

On disk an adapter is a folder in PEFT format: adapter_config.json and adapter_model.safetensors.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness.errors import HarnessError
from harness.recipes import Strict

if TYPE_CHECKING:
    import torch

# Every linear layer of a Llama block, as LLM2Vec adapts them.
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SLOTS = "slots.safetensors"  # beside them, or in place of them, where a stage trained slots (harness.encoder.slots)
_KEY = re.compile(
    r"^(?:base_model\.model\.)?(?P<full>(?:model\.)?(?P<module>.+))\.lora_(?P<part>[AB])(?:\.\w+)?\.weight$"
)


class Lora(Strict):
    """Low-rank adapters on every linear layer of the backbone, merged into the weights after the stage."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)


def add_lora(model: Any, lora: Lora) -> None:
    """Insert fresh adapters into `model`; only they are trainable afterwards."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(TARGETS))
    inject_adapter_in_model(config, model)


def round_frozen(model: Any, dtype: torch.dtype) -> None:
    """Hold the frozen weights of linear layers in `dtype`, to which autocast would round them at each product."""
    from torch.nn import Linear

    looked_up = {id(module.weight) for module in model.modules() if hasattr(module, "num_embeddings")}
    for module in model.modules():
        if isinstance(module, Linear) and not module.weight.requires_grad and id(module.weight) not in looked_up:
            module.to(dtype)


def merge_lora(model: Any) -> None:
    """Fold every adapter into its layer and take it out again; all weights are trainable afterwards."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [(name, module) for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)]
    for name, module in adapted:
        module.merge()
        parent_name, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent_name), child, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
    model.requires_grad_(True)


def make_trainable(model: Any, lora: Lora | None) -> None:
    """Let training change the slots of `model`, if it has any, and fresh adapters for a `lora`; nothing else."""
    from harness.encoder.slots import slots_of

    model.requires_grad_(False)
    if lora is not None:
        add_lora(model, lora)
    slots = slots_of(model)
    if slots is not None:
        slots.requires_grad_(True)


def slots_alone(folder: Path) -> bool:
    """Whether the stage of the adapter in `folder` trained slots and nothing else."""
    return (folder / SLOTS).is_file() and not (folder / CONFIG).is_file()


def read_slots(model: Any, folder: Path) -> torch.Tensor | None:
    """The vectors of slots that the stage of the adapter in `folder` trained, (K, D) float32; None if it trained none.

    Raises HarnessError if they do not fit `model`.
    """
    from safetensors.torch import load_file

    from harness.encoder.slots import slots_of

    if not (folder / SLOTS).is_file():
        return None
    found, slots = load_file(folder / SLOTS)["slots"], slots_of(model)
    if slots is None or slots.shape != found.shape:
        have = "no slots" if slots is None else f"{len(slots)} slots of width {slots.shape[1]}"
        raise HarnessError(
            f"{folder} holds {len(found)} slots of width {found.shape[1]}, and the system has {have}; open it with the "
            "card that it was trained with"
        )
    return found


def save_trained(model: Any, folder: Path, *, base_name: str) -> None:
    """Write what `make_trainable` let a training change: the adapters, as PEFT does, and the slots."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    from harness.encoder.slots import slots_of

    folder.mkdir(parents=True, exist_ok=True)
    slots = slots_of(model)
    if slots is not None:
        save_file({"slots": slots.detach().float().cpu().contiguous()}, folder / SLOTS)
    if not hasattr(model, "peft_config"):
        return
    config = model.peft_config["default"]
    config.base_model_name_or_path = base_name
    config.inference_mode = True
    config.save_pretrained(str(folder))
    tensors = {
        f"base_model.model.{name}": tensor.detach().float().cpu().contiguous()
        for name, tensor in get_peft_model_state_dict(model, save_embedding_layers=False).items()
    }
    save_file(tensors, folder / WEIGHTS)


def merge_adapter(model: Any, folder: Path) -> None:
    """Merge the adapter in `folder` into the transformers decoder `model`; the sum is rounded once to its precision.

    Its slots, if it has any, take the place of those of `model`. Raises HarnessError as `read_updates` and
    `read_slots`.
    """
    import torch

    from harness.encoder.slots import slots_of

    modules = dict(model.named_modules())
    with torch.no_grad():
        for name, update in read_updates(model, folder).items():
            weight = modules[name].weight
            weight.copy_(update.added_to(weight.float()))
        trained, slots = read_slots(model, folder), slots_of(model)
        if trained is not None and slots is not None:
            slots.copy_(trained)


@dataclass(frozen=True, kw_only=True)
class LowRankUpdate:
    """What an adapter adds to the weight of one layer: `scale` · B A, as PEFT computes it, to the last bit."""

    A_RI: torch.Tensor
    B_OR: torch.Tensor
    scale: float

    def added_to(self, weight_OI: torch.Tensor) -> torch.Tensor:
        """A float32 weight with this added, on the weight's device."""
        here = weight_OI.device
        return weight_OI + (self.B_OR.to(here) @ self.A_RI.to(here)) * self.scale


def read_updates(model: Any, folder: Path) -> dict[str, LowRankUpdate]:
    """What the adapter in `folder` adds to the layers of the transformers decoder `model`, by the layers' names.

    Nothing where a stage trained slots alone. Raises HarnessError if it is no LoRA adapter in safetensors, or does not
    fit every layer it names.
    """
    from peft import LoraConfig, PeftConfig
    from safetensors.torch import load_file

    if slots_alone(folder):
        return {}
    check_adapter(folder)
    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig) or not _plain(config):
        raise HarnessError(
            f"{folder} is not a plain LoRA adapter ({config.peft_type}); merge it yourself and give the "
            "result as a base"
        )
    tensors = load_file(folder / WEIGHTS)
    factors = {_place(key, folder): tensor.float() for key, tensor in tensors.items()}
    full = {match["module"]: match["full"] for match in map(_KEY.match, tensors) if match}
    ranks = _by_module(config.rank_pattern, full, "rank_pattern", folder)
    alphas = _by_module(config.alpha_pattern, full, "alpha_pattern", folder)
    modules = dict(model.named_modules())
    found: dict[str, LowRankUpdate] = {}
    for (module, part), factor in factors.items():
        layer = modules.get(module)
        if layer is None or not hasattr(layer, "in_features"):
            raise HarnessError(
                f"{folder} is an adapter for another base: it adapts {module}, which this base does not have"
            )
        width = factor.shape[1 if part == "A" else 0]
        wanted = layer.in_features if part == "A" else layer.out_features
        if width != wanted:
            raise HarnessError(
                f"{folder} is an adapter for another base: its {module} is {width} wide, this base's {wanted}"
            )
        other = "B" if part == "A" else "A"
        if (module, other) not in factors:
            raise HarnessError(f"{folder} has lora_{part} of {module} without lora_{other}; fetch the adapter again")
        rank, stated = factor.shape[0 if part == "A" else 1], ranks.get(module, config.r)
        if rank != stated:
            raise HarnessError(
                f"the weights of {module} in {folder} have rank {rank}, and {CONFIG} says {stated}; correct {CONFIG}"
            )
        found[module] = LowRankUpdate(
            A_RI=factors[module, "A"],
            B_OR=factors[module, "B"],
            scale=alphas.get(module, config.lora_alpha) / (math.sqrt(rank) if config.use_rslora else rank),
        )
    return found


# Fields of PEFT's config that make more of an adapter than a sum of low rank.
_MORE = (
    *("modules_to_save", "trainable_token_indices", "target_parameters", "layer_replication", "use_dora", "lora_bias"),
    *("alora_invocation_tokens", "use_qalora", "use_bdlora", "loftq_config", "corda_config", "lora_ga_config"),
    *("arrow_config", "kasa_config", "monteclora_config", "velora_config"),
)
_BESIDE = ("pissa", "olora", "corda", "loftq", "lora_ga")  # ways to begin that change the base's weights too


def _plain(config: Any) -> bool:
    more = any(getattr(config, name, None) for name in _MORE)
    return not more and not str(config.init_lora_weights).startswith(_BESIDE)


def _by_module(pattern: dict[str, int], full: dict[str, str], name: str, folder: Path) -> dict[str, int]:
    """The values of a `pattern` of PEFT by the modules of the backbone.

    `full` gives each adapted module the name it had in the model that was trained, where its layers may stand under
    `model.`; PEFT reads a key as a regular expression for the end of that name, and takes the first that fits. Raises
    HarnessError if a key fits no module.
    """
    found: dict[str, int] = {}
    for key, value in pattern.items():
        try:
            fitting = [module for module, whole in full.items() if re.match(rf"(.*\.)?({key})$", whole)]
        except re.error:
            fitting = []
        if not fitting:
            raise HarnessError(f"{folder}: the key {key!r} of {name} fits no layer that is adapted; correct {CONFIG}")
        for module in fitting:
            found.setdefault(module, value)
    return found


def check_adapter(folder: Path) -> None:
    """Raise HarnessError if `folder` does not hold an adapter in safetensors."""
    if not (folder / CONFIG).is_file():
        raise HarnessError(f"{folder} holds no {CONFIG}; give the folder or hub id of a PEFT adapter")
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        found = "only adapter_model.bin, which is a pickle and is never opened" if pickled else f"no {WEIGHTS}"
        raise HarnessError(f"{folder} holds {found}; convert the adapter to safetensors")


def _place(key: str, folder: Path) -> tuple[str, str]:
    match = _KEY.match(key)
    if match is None:
        raise HarnessError(f"{folder} holds {key}, which is not a LoRA weight of a decoder; give a plain LoRA adapter")
    return match["module"], match["part"]
