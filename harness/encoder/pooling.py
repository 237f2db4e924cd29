"""The states of a pass ─▶ embeddings, by the modules that stand behind the decoder.

Shapes: B texts of a pass, T tokens of the longest, D width of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from harness.encoder.reader import Pass
from harness.encoder.tokens import Tokens


@torch.inference_mode()
def pool_states(modules: Sequence[Any], done: Pass, tokens: Tokens, states: torch.Tensor) -> np.ndarray:
    """(B, D) float32 of the `states` of a layer, by `modules` in their order. Pooling is in float32 in any case."""
    states_BTD, mask_BT = done.by_text(states)
    ids_BT, pooled_BT = (_padded(done, rows).to(states.device) for rows in (tokens.ids, tokens.pooled))
    features: Any = {
        "input_ids": ids_BT,
        "attention_mask": mask_BT * pooled_BT,
        "token_embeddings": states_BTD.float(),
    }
    for module in modules:
        features = module(features)
    return np.asarray(features["sentence_embedding"].float().cpu().numpy())


def _padded(done: Pass, rows: Sequence[np.ndarray]) -> torch.Tensor:
    """What each text of the pass has for its tokens, (B, T), 0 where it has none."""
    padded_BT = np.zeros((len(done.rows), int(done.lengths.max())), dtype=np.int64)
    for place, row in enumerate(done.rows):
        padded_BT[place, : len(rows[row])] = rows[row]
    return torch.from_numpy(padded_BT)
