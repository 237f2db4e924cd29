"""The protocol of Feng et al. 2025: its splits, its probes and their hyperparameters, the last layer, seed 42.

For each of its tasks two results, subsets `linear` and `MLP`, with one outcome for each example of the test part. They
are of the type `Reproduction`: shown beside the paper's figures, in no comparison, because the words suite asks the
same of the same data with folds that keep words apart. What the paper leaves open and how it is filled here:

- epochs: until the loss on a tenth of the training part has not fallen for five epochs, 200 at most;
- optimiser, activation: Adam, ReLU; features standardised by the training part; logistic C = 1 (scikit-learn's);
- linear regression: the least squares solution (of least norm, where features outnumber examples);
- splits of sets without parts: 80/20 at random, by numpy's generator from seed 42; sets are used whole (the released
  telicity and duration files have 40 and 28 rows more than the paper's table);
- precision: as `--dtype` says (the paper: float16).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult
from harness.probes.logistic import fit_logistic
from harness.probes.mlp import MlpRecipe, fit_mlps
from harness.probes.ridge import fit_ridge
from harness.suites.words.data.examples import WordExample
from harness.suites.words.feng2025 import PaperTask
from harness.suites.words.labels import pair_features
from harness.suites.words.reading import read_set
from harness.suites.words.results import SubsetOutcomes, result

SEED = 42
TEST_SHARE = 0.2
INVERSE_PENALTY = 1.0
_NEARLY_NONE = 1e-3  # of a ridge that stands for least squares: features are standardised, sums run over hundreds


def measure(task: PaperTask, encoder: TextEncoder) -> list[TaskResult]:
    """Fit both probes on the training part and answer for the test part; a result each."""
    began = time.monotonic()
    words = task.data.words(task.place)
    reading = read_set(encoder, words.examples, task.positions)
    found = reading.at(task.positions)
    vectors_PND = found.vectors[-1]
    if task.features:
        vectors_PND = pair_features(vectors_PND, task.features)
    train_N = training_part(found.examples)
    answer = _scores if found.examples[0].scores else _labels
    blocks = answer(task, found.examples, vectors_PND, train_N)
    parts = []
    for probe, of_probe in blocks.items():
        parts.append(SubsetOutcomes(probe, task.metric, found.examples))
        for block in of_probe:
            parts[-1].add(layer=len(found.vectors) - 1, rows=~train_N, **block)
    texts = text_hashes(text for example in words.examples for text in example.texts)
    seconds = (time.monotonic() - began) / len(parts)
    return [result(task, "paper", part, seconds=seconds, texts=texts, note=found.note) for part in parts]


def training_part(examples: Sequence[WordExample]) -> NDArray[np.bool_]:
    """(N,): the set's own training part, or four fifths at random. WiC's set is one part only, so it is split too."""
    parts = {example.part for example in examples}
    if parts >= {"train", "test"}:
        return np.array([example.part == "train" for example in examples])
    order = np.random.default_rng(SEED).permutation(len(examples))
    train_N = np.ones(len(examples), dtype=bool)
    train_N[order[: int(np.ceil(TEST_SHARE * len(examples)))]] = False
    return train_N


def _labels(
    task: PaperTask, examples: Sequence[WordExample], vectors_PND: NDArray[np.float32], train_N: NDArray[np.bool_]
) -> dict[str, list[dict[str, Any]]]:
    """The columns of each probe's answers, a block for each position."""
    names, labels_N = np.unique([example.label for example in examples], return_inverse=True)
    classes = len(names)
    linear = fit_logistic(
        vectors_PND, labels_N[None], train_N[None], classes=classes, inverse_penalty=INVERSE_PENALTY
    ).predicted[:, 0, 0]
    answers_PN = np.broadcast_to(labels_N, (len(vectors_PND), len(labels_N)))
    network = _networks(task, vectors_PND, answers_PN, train_N, classes=classes).argmax(axis=-1)
    positions = [None] if task.features else task.positions
    return {
        probe: [
            {"position": position, "gold_label": names[labels_N], "predicted_label": names[told_N]}
            for position, told_N in zip(positions, told_PN, strict=True)
        ]
        for probe, told_PN in (("linear", linear), ("MLP", network))
    }


def _scores(
    task: PaperTask, examples: Sequence[WordExample], vectors_PND: NDArray[np.float32], train_N: NDArray[np.bool_]
) -> dict[str, list[dict[str, Any]]]:
    """The same of scores, a block for each dimension."""
    targets_TN = np.array([example.scores for example in examples]).T
    linear = fit_ridge(vectors_PND, targets_TN, train_N[None], penalties=(_NEARLY_NONE,))[0, 0, 0]
    same_TND = np.broadcast_to(vectors_PND, (len(targets_TN), *vectors_PND.shape[1:]))
    network = _networks(task, same_TND, targets_TN, train_N)[..., 0]
    return {
        probe: [
            {"trial": trial, "gold_score": gold_N, "predicted_score": told_N.astype(float)}
            for trial, (gold_N, told_N) in enumerate(zip(targets_TN, told_TN, strict=True))
        ]
        for probe, told_TN in (("linear", linear), ("MLP", network))
    }


def _networks(
    task: PaperTask,
    vectors_MND: NDArray[np.float32],
    answers_MN: NDArray[np.generic],
    train_N: NDArray[np.bool_],
    *,
    classes: int = 0,
) -> NDArray[np.float32]:
    recipe = MlpRecipe(hidden=task.hidden, batch_size=task.batch_size, rate=task.rate, classes=classes)
    return fit_mlps(vectors_MND, answers_MN, train_N, recipe, seeds=[SEED] * len(vectors_MND))
