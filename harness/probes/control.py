"""Control tasks (Hewitt and Liang 2019): labels that are a property of the word alone, drawn at random.

A probe that learns them has memorised words. Selectivity is the accuracy on the real labels less that on these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def control_labels(labels: NDArray[np.integer], words: Sequence[str], *, draws: int) -> NDArray[np.intp]:
    """(draws, N): every word keeps one label over all its examples, drawn from the words' own labels shuffled.

    A word's own label is its most frequent one, so the control task has the real one's balance, word by word.
    """
    names, code = np.unique(np.asarray(words), return_inverse=True)
    counts = np.zeros((len(names), int(labels.max()) + 1), dtype=np.intp)
    np.add.at(counts, (code, labels), 1)
    own = counts.argmax(axis=1)
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(own)[code] for _ in range(draws)])
