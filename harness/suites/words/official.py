"""WiC with its own sets: a threshold on the cosine, chosen on the training set, tried on the test set.

Its controls are `best layer`, chosen on the development set, and `layers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.encoder.protocol import TextEncoder
from harness.probes.threshold import best_threshold
from harness.suites.words.data.examples import WordExample
from harness.suites.words.data.wic import LABELS
from harness.suites.words.labels import cosines
from harness.suites.words.probe import WordProbe
from harness.suites.words.reading import read_set
from harness.suites.words.results import SCORE, SubsetOutcomes


def measure_official(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The score and its controls, and what could not be read. All are of the test set alone."""
    found = read_set(encoder, examples, task.positions).at(task.positions)
    cosine_LN = [cosines(*of_layer_2ND) for of_layer_2ND in found.vectors]
    same_N = np.array([example.label == LABELS["T"] for example in found.examples])
    part_N = np.array([example.part for example in found.examples])
    train, test = part_N == "train", part_N == "test"
    says_LN = np.stack([row > best_threshold(row[train], same_N[train]) for row in cosine_LN])
    best = (says_LN == same_N)[:, part_N == "dev"].mean(axis=1).argmax()
    last = len(cosine_LN) - 1
    shown: dict[str, list[tuple[int, int | None]]] = {
        SCORE: [(last, last)],
        "best layer": [(int(best), None)],
        "layers": [(layer, layer) for layer in range(last + 1)],
    }
    labels = np.array([LABELS["F"], LABELS["T"]])
    parts = []
    for subset, layers in shown.items():
        made = SubsetOutcomes(subset, "accuracy", found.examples)
        for layer, named in layers:
            said = {"gold_label": labels[same_N.astype(int)], "predicted_label": labels[says_LN[layer].astype(int)]}
            made.add(layer=named, rows=test, **said)
        parts.append(made)
    return parts, found.note
