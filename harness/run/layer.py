"""The layer that a card leaves to a dev set: the one whose embeddings agree best with the pairs' gold similarities."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from harness.encoder.model import Encoder
from harness.suites.dev import DevPairs


def choose_layer(encoder: Encoder, pairs: DevPairs) -> str:
    """Let `encoder` read the layer with the highest Spearman correlation on `pairs`; say which, and the others' values.

    The lowest layer of several equal ones. All layers are read in one pass over the texts.
    """
    texts = list(dict.fromkeys((*pairs.first, *pairs.second)))
    row = {text: index for index, text in enumerate(texts)}
    by_layer_LND = encoder.by_layer(texts)
    by_layer_LND /= np.linalg.norm(by_layer_LND, axis=-1, keepdims=True).clip(min=1e-12)
    first, second = ([row[text] for text in side] for side in (pairs.first, pairs.second))
    found = [
        float(spearmanr(pairs.gold, np.sum(of_layer_ND[first] * of_layer_ND[second], axis=1)).statistic)
        for of_layer_ND in by_layer_LND
    ]
    best = int(np.nanargmax(found))
    encoder.recipe = encoder.recipe.model_copy(update={"layer": best})
    return (
        f"{best} of 0 to {len(found) - 1}, by the {pairs.split} of {pairs.task} ({len(pairs.gold)} pairs): Spearman × "
        f"100 by layer {' '.join(f'{100 * value:.1f}' for value in found)}"
    )
