"""Online codelength (Voita and Titov 2020): what the labels cost if they are sent with a probe's help.

Examples are sent in blocks; each block with the probabilities of a probe fitted on all blocks before it, the first with
equal probabilities. A representation from which labels are easily learnt costs few bits, however good its final probe.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.probes.logistic import fit_logistic

# Where blocks end, as shares of the examples (the paper's, section 3.2).
SHARES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
_LEAST = 1e-12


def online_bits(
    features_GND: NDArray[np.floating], labels_N: NDArray[np.integer], *, classes: int
) -> NDArray[np.float64]:
    """(G, N): the bits that each example's label costs, in the examples' order; their sum is the codelength.

    The examples are sent in one random order. Blocks whose training examples have one label only are sent with equal
    probabilities, as the first.
    """
    n = len(labels_N)
    order = np.random.default_rng(0).permutation(n)
    rank = np.argsort(order)
    ends = sorted({max(1, round(share * n)) for share in SHARES})
    known = [end for end in ends[:-1] if len(np.unique(labels_N[order[:end]])) == classes]
    bits = np.full((len(features_GND), n), np.log2(classes))
    for end in known:
        block = (rank >= end) & (rank < ends[ends.index(end) + 1])
        rows = np.concatenate([order[:end], np.flatnonzero(block)])
        train = np.arange(len(rows)) < end
        found = fit_logistic(features_GND[:, rows], labels_N[None, rows], train[None], classes=classes)
        said = found.probability[:, 0, 0, end:]
        right = np.take_along_axis(said, labels_N[None, rows[end:], None], axis=2)[..., 0]
        bits[:, block] = -np.log2(np.maximum(right, _LEAST))
    return bits
