"""How many tokens one forward pass may hold: bounded by speed, by the memory that is free, and by what went wrong."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from harness.encoder.workers import passes_held

# On a CPU more tokens are slower, for the states of a pass fall out of the cache (docs/decisions.md).
CPU_MOST = 1024
CUDA_MOST = 32_768
_SHARE_OF_FREE_MEMORY = 0.5


class TokenBudget:
    """Tokens of one pass. On CUDA an out-of-memory halves it for good.

    `divisor` is for a process that takes up what did not fit in another: its passes begin so much smaller.
    """

    divisor: ClassVar[int] = 1

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    @classmethod
    def of(cls, backbone: Any, *, layers: bool, workers: int) -> TokenBudget:
        """What fits `backbone` where it lies; `layers`: the states of every layer are kept, not only the last.

        On a CPU `workers` passes run side by side.
        """
        cuda = backbone.device.type == "cuda"
        most, passes = (CUDA_MOST, 1) if cuda else (CPU_MOST, passes_held(workers))
        bytes_free = _SHARE_OF_FREE_MEMORY * free_memory(backbone.device) / passes
        fitting = min(most, int(bytes_free / bytes_a_token(backbone, layers=layers)))
        return cls(max(1, fitting // cls.divisor))

    def halve(self, used: int) -> None:
        """Make room after a pass of `used` tokens did not fit."""
        self.tokens = max(1, min(self.tokens, used) // 2)


def bytes_a_token(backbone: Any, *, layers: bool) -> int:
    """Memory of one token while it passes a layer, generously; with `layers`, of its states at all layers too."""
    config = backbone.config
    width = int(config.hidden_size)
    heads = int(getattr(config, "num_attention_heads", 1)) * int(getattr(config, "head_dim", None) or 0)
    inner = int(getattr(config, "intermediate_size", None) or 4 * width)
    values = 8 * width + 6 * max(heads, width) + 3 * inner
    if layers:
        values += 2 * (int(config.num_hidden_layers) + 1) * width
    return values * int(backbone.dtype.itemsize)


def free_memory(device: torch.device) -> int:
    """Bytes that a pass could have: of the GPU, or of the machine."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    import psutil

    return int(psutil.virtual_memory().available)
