"""Tasks with scores: norms (ridge probes on word vectors) and similarity (cosines, nothing fitted).

The score is that of the last layer; a trial is a dimension of the norms in one repeat of the folds, so that the score
is the mean over dimensions. Beside it stand, as subsets, `best layer` and `layers` (harness.suites.words.labels),
`random scores` (every target word has the mean of another word, drawn at random), `no context`, `first token` and
`last token`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TextEncoder
from harness.probes.folds import group_folds
from harness.suites.words.crossval import N_FOLDS, predict_scores
from harness.suites.words.data.examples import WordExample
from harness.suites.words.labels import CONDITIONS, REPEATS, cosines
from harness.suites.words.probe import WordProbe
from harness.suites.words.reading import WordVectors, read_set
from harness.suites.words.results import SCORE, SubsetOutcomes


def measure_norms(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The score and its controls, and what could not be read."""
    reading = read_set(encoder, examples, task.positions)
    return list(_norms(reading)), reading.at(task.positions).note


def _norms(reading: WordVectors) -> Iterator[SubsetOutcomes]:
    found = reading.at((0,))
    examples, vectors_LND = found.examples, found.vectors.each(lambda of_layer_PND: of_layer_PND[0])
    targets_TN = np.array([example.scores for example in examples]).T
    words = [example.word for example in examples]
    folds_RN = group_folds(targets_TN.mean(axis=0), words, n_folds=N_FOLDS, repeats=REPEATS)
    last = len(vectors_LND) - 1
    by_layer, best = predict_scores(vectors_LND, targets_TN, folds_RN)
    yield _part(SCORE, examples, targets_TN, by_layer[-1], layer=last)
    yield _part("best layer", examples, targets_TN, best, layer=None)
    layers = SubsetOutcomes("layers", "pearson", examples)
    for layer, of_layer in enumerate(by_layer):
        for target, predicted_RN in enumerate(of_layer):
            trial = layer * len(targets_TN) + target
            layers.add(layer=layer, trial=trial, gold_score=targets_TN[target], predicted_score=predicted_RN[0])
    yield layers
    drawn_TN = random_scores(targets_TN, words)
    drawn, _ = predict_scores(vectors_LND.last, drawn_TN, folds_RN)
    yield _part("random scores", examples, drawn_TN, drawn[0], layer=last)
    for subset, take, alone in CONDITIONS:
        (vectors_PND,) = reading.at((0,), take=take, alone=alone).vectors
        told, _ = predict_scores(vectors_PND[:1], targets_TN, folds_RN)
        yield _part(subset, examples, targets_TN, told[0], layer=last)


def _part(
    subset: str,
    examples: Sequence[WordExample],
    gold_TN: NDArray[np.float64],
    predicted_TRN: NDArray[np.float64],
    *,
    layer: int | None,
) -> SubsetOutcomes:
    made = SubsetOutcomes(subset, "pearson", examples)
    repeats = predicted_TRN.shape[1]
    for target, of_target in enumerate(predicted_TRN):
        for repeat, predicted_N in enumerate(of_target):
            trial = target * repeats + repeat
            made.add(layer=layer, trial=trial, gold_score=gold_TN[target], predicted_score=predicted_N)
    return made


def random_scores(targets_TN: NDArray[np.float64], words: Sequence[str]) -> NDArray[np.float64]:
    """Scores (T, N) that tell nothing of a word: each word has the mean scores of another, drawn at random."""
    names, code = np.unique(np.asarray(words), return_inverse=True)
    means_TW = np.stack([np.bincount(code, weights=row) / np.bincount(code) for row in targets_TN])
    return means_TW[:, np.random.default_rng(0).permutation(len(names))][:, code]


def measure_similarity(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """Cosine of the two words' vectors, each word a text of its own. Controls: every layer, first and last token."""
    reading = read_set(encoder, examples, task.positions)
    return list(_similarity(reading)), reading.at(task.positions).note


def _similarity(reading: WordVectors) -> Iterator[SubsetOutcomes]:
    found = reading.at((0,))
    examples, gold_N = found.examples, np.array([example.scores[0] for example in found.examples])
    cosine_LN = [cosines(*of_layer_2ND) for of_layer_2ND in found.vectors]
    last = len(cosine_LN) - 1
    rows = {SCORE: cosine_LN[-1]}
    for subset, take, _ in CONDITIONS[1:]:
        (vectors_2ND,) = reading.at((0,), take=take).vectors
        rows[subset] = cosines(*vectors_2ND)
    for subset, predicted_N in rows.items():
        made = SubsetOutcomes(subset, "spearman", examples)
        made.add(layer=last, gold_score=gold_N, predicted_score=predicted_N)
        yield made
    layers = SubsetOutcomes("layers", "spearman", examples)
    for layer, predicted_N in enumerate(cosine_LN):
        layers.add(layer=layer, trial=layer, gold_score=gold_N, predicted_score=predicted_N)
    yield layers
