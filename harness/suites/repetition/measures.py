"""What the vectors and the attention of a text say of a repeated sentence. Pure functions of arrays.

Shapes: P sentences of a text, D width, K numbers of copies, T tokens.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

# The least singular value of the sentences' unit vectors for which the weights of a sum of them are told apart.
APART = 1e-3


def sentence_weights(texts_KD: ArrayLike, sentences_PD: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each text's vector as a sum of its sentences' vectors: weights as shares (K, P), and the cosine of the fit (K,).

    Non-negative least squares. NaN where the sentences' vectors do not differ enough to tell their weights apart, as
    those of the last token do at the embedding layer, and where no sentence has a weight.
    """
    texts, sentences = np.asarray(texts_KD, dtype=np.float64), np.asarray(sentences_PD, dtype=np.float64)
    shares, fit = np.full((len(texts), len(sentences)), math.nan), np.full(len(texts), math.nan)
    norms = np.linalg.norm(sentences, axis=1)
    if not norms.all() or np.linalg.svd(sentences / norms[:, None], compute_uv=False)[-1] < APART:
        return shares, fit
    q_DP, r_PP = np.linalg.qr(sentences.T)
    for number, vector in enumerate(texts):
        weights, _ = nnls(r_PP, q_DP.T @ vector)
        if weights.any():
            shares[number] = weights / weights.sum()
            fitted = weights @ sentences
            fit[number] = fitted @ vector / (np.linalg.norm(fitted) * np.linalg.norm(vector))
    return shares, fit


def per_doubling(excess_K: ArrayLike, times_K: ArrayLike) -> float:
    """The slope of the least-squares line through `excess` over log2 of the number of copies."""
    steps = np.log2(np.asarray(times_K, dtype=np.float64))
    steps -= steps.mean()
    return float(steps @ np.asarray(excess_K, dtype=np.float64) / (steps @ steps))


def share_of_all(
    received_LT: NDArray[np.float64], chosen_T: NDArray[np.bool_], among_T: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Of all that the tokens `among` which they are receive, the share that the `chosen` receive, in each layer."""
    return np.asarray(received_LT[:, chosen_T & among_T].sum(-1) / received_LT[:, among_T].sum(-1), dtype=np.float64)
