"""How a causal language model goes on: continuations of one length, greedy or sampled, with the key-value cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig

from harness.encoder.tokenizer import start_token

_BATCH = 64


@torch.inference_mode()
def continue_texts(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], *, new_tokens: int, sample_seed: int | None
) -> NDArray[np.int64]:
    """`new_tokens` tokens after each of `prompts` (ids of equal length, without the start token), (N, new_tokens).

    Greedy where `sample_seed` is None; else drawn from the model's own distribution, not sharpened and not cut
    (temperature 1, the whole vocabulary), with the same random numbers for every model of this vocabulary. The end
    token is never chosen, so that all continuations have the same length.
    """
    start = start_token(tokenizer)
    rows: list[NDArray[np.int64]] = []
    # The base's own generation_config.json may ask for a penalty on repetition: none of it is to be measured.
    own = model.generation_config
    model.generation_config = GenerationConfig(bos_token_id=start)
    config = GenerationConfig(
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        do_sample=sample_seed is not None,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        eos_token_id=own.eos_token_id if own.eos_token_id is not None else tokenizer.eos_token_id,
        pad_token_id=start,
        use_cache=True,
    )
    devices = [model.device] if model.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0 if sample_seed is None else sample_seed)
            for first in range(0, len(prompts), _BATCH):
                ids_BT = torch.tensor(
                    [[start, *prompt] for prompt in prompts[first : first + _BATCH]], device=model.device
                )
                made_BT = model.generate(
                    input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT), generation_config=config
                )
                rows.append(made_BT[:, ids_BT.shape[1] :].cpu().numpy())
    finally:
        model.generation_config = own
    return np.concatenate(rows)
